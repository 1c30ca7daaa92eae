"""Indexes that `CREATE INDEX CONCURRENTLY` began and did not finish.

PostgreSQL leaves them behind when the statement is broken off: no query uses them, and every
write pays for them. What a migration that is not applied yet would make under the same name,
it could not, or with IF NOT EXISTS it would take the broken one for its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

_CREATED = re.compile(
    r'CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)"?',
    re.IGNORECASE,
)
# One that another session is building at this moment is not valid yet either.
_UNFINISHED = """
SELECT c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = current_schema()
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
ORDER BY 1
"""


def drop_those_of_waiting_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Drop each that a migration which is not applied is going to make; their names."""
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        found = [name for (name,) in cursor.fetchall()]
        if found:  # seldom, and what migrations make takes seconds to find out
            wanted = set(_wanted(MigrationExecutor(connection)))
            found = [name for name in found if name in wanted]
        for name in found:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {connection.ops.quote_name(name)}")
    return found


def _wanted(executor: MigrationExecutor) -> Iterator[str]:
    """A migration that makes an index beside traffic is not atomic."""
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if not migration.atomic:
            for statement in executor.loader.collect_sql([(migration, False)]):
                yield from _CREATED.findall(statement)
