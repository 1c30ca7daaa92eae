"""Migrations that are not applied yet, and what they would lock."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from ops.doctor.finding import Finding, Level, Visit, needs_database, ok, warn

# A smaller table is through before anybody notices.
MANY_ROWS = 50_000
MOST_NAMED = 8
NOT_SQL = "THIS OPERATION CANNOT BE WRITTEN AS SQL"
TABLE = r'"?(?P<table>\w+)"?'
# What a statement does to those who use a table that is there already.
RISKS = (
    (rf"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY).* ON {TABLE}", "builds an index: no writes"),
    (rf"ALTER TABLE {TABLE} .*ALTER COLUMN .* TYPE ", "rewrites the table: no reads or writes"),
    (rf"ALTER TABLE {TABLE} .*GENERATED ALWAYS", "rewrites the table: no reads or writes"),
    (rf"ALTER TABLE {TABLE} .*SET NOT NULL", "reads the whole table: no reads or writes"),
    (
        rf"ALTER TABLE {TABLE} ADD CONSTRAINT (?!.*NOT VALID).*(CHECK|FOREIGN KEY)",
        "checks the whole table: no writes",
    ),
    (
        rf"ALTER TABLE {TABLE} ADD CONSTRAINT .*(UNIQUE|EXCLUDE|PRIMARY KEY)(?! USING INDEX)",
        "builds an index: no reads or writes",
    ),
)
# Quick, but the code that is still running does not expect it.
BREAKS_RUNNING_CODE = (
    rf"ALTER TABLE {TABLE} .*DROP COLUMN",
    rf"ALTER TABLE {TABLE} RENAME",
    rf"DROP TABLE {TABLE}",
)


@needs_database
def examine(visit: Visit) -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        yield ok("All migrations are applied.")
        return
    names = [str(migration) for migration, _ in plan]
    rest = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    yield warn(
        f"Not applied: {', '.join(names[:MOST_NAMED])}{rest}.",
        "Run `manage.py migrate` once, before the new pods: they are not ready until then.",
    )
    if not executor.loader.applied_migrations:
        yield ok("The database is empty: nothing can be locked.")
        return
    rows = _rows_by_table()
    for migration, _ in plan:
        sql = executor.loader.collect_sql([(migration, False)])
        yield from _judge(migration, sql, rows)


def _judge(migration: Migration, sql: Sequence[str], rows: dict[str, int]) -> Iterator[Finding]:
    found = list(dict.fromkeys(risks_of(sql, rows)))
    for risk in found:
        yield Finding(
            Level.WARN,
            f"{migration} {risk}.",
            "Apply it when few people are there, or split it: an index CONCURRENTLY, a constraint "
            "NOT VALID and validated later, a column dropped one release after its last use.",
        )
    if not found:
        yield ok(f"{migration} holds no lock for long.")


def risks_of(sql: Sequence[str], rows: dict[str, int]) -> Iterator[str]:
    """In words, what each statement does to tables of which `rows` knows many rows."""
    for statement in sql:
        if NOT_SQL in statement:
            yield "runs Python: read what it does, and for how many rows"
        for pattern, effect in RISKS:
            match = re.search(pattern, statement, re.IGNORECASE | re.DOTALL)
            if match and rows.get(match["table"], 0) >= MANY_ROWS:
                table = match["table"]
                yield f"on {table} ({rows[table]:,} rows) {effect} meanwhile"
        for pattern in BREAKS_RUNNING_CODE:
            match = re.search(pattern, statement, re.IGNORECASE | re.DOTALL)
            if match and match["table"] in rows:
                yield f"takes something of {match['table']} away that running pods may still use"


def _rows_by_table() -> dict[str, int]:
    """As the planner estimates them; -1 was never counted."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, greatest(reltuples, 0)::bigint FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace"
        )
        return dict(cursor.fetchall())
