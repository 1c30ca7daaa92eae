"""Indexes that `CREATE INDEX CONCURRENTLY` began and did not finish.

PostgreSQL leaves them behind when the statement is broken off: no query uses them, and every
write pays for them. What a migration that is not applied yet would make under the same name,
it could not, or with IF NOT EXISTS it would take the broken one for its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

_CREATED = re.compile(
    r'CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?(\w+)"?',
    re.IGNORECASE,
)
# One that another session is building at this moment is not valid yet either.
_UNFINISHED = """
SELECT c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = current_schema() AND c.relname = ANY(%s)
  AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid)
ORDER BY 1
"""


def drop_those_of(executor: MigrationExecutor, migrations: Iterable[Migration]) -> list[str]:
    """Drop those that these migrations are going to make; their names."""
    found = _unfinished(executor.connection, list(_names(executor, migrations)))
    with executor.connection.cursor() as cursor:
        for name in found:
            quoted = executor.connection.ops.quote_name(name)
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {quoted}")
    return found


def _names(executor: MigrationExecutor, migrations: Iterable[Migration]) -> Iterable[str]:
    """A migration that makes an index beside traffic is not atomic."""
    for migration in migrations:
        if not migration.atomic:
            for statement in executor.loader.collect_sql([(migration, False)]):
                yield from _CREATED.findall(statement)


def _unfinished(connection: BaseDatabaseWrapper, names: list[str]) -> list[str]:
    if not names:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED, [names])
        return [name for (name,) in cursor.fetchall()]
