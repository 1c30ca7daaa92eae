"""Indexes that `CREATE INDEX CONCURRENTLY` began and did not finish.

PostgreSQL leaves them behind when the statement is broken off: no query uses them, and every
write pays for them. What a migration that is not applied yet would make under the same name,
it could not, or with IF NOT EXISTS it would take the broken one for its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from notevault.db.schema import index_created_by

# One that another session is building at this moment is not valid yet either. It holds this lock
# on the table from beginning to end. So does VACUUM: what is left then, the schema editor finds.
# pg_locks shows everybody's; pg_stat_progress_create_index hides those of other roles.
_UNFINISHED = """
SELECT c.relname FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = current_schema()
  AND NOT EXISTS (
    SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND l.locktype = 'relation' AND l.relation = i.indrelid
      AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid()
  )
ORDER BY 1
"""


def drop_those_of_waiting_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """Drop each that a migration which is not applied is going to make; their names.

    It waits for transactions that are older, as long as the schema editor does.
    """
    with connection.cursor() as cursor:
        cursor.execute(_UNFINISHED)
        found = [name for (name,) in cursor.fetchall()]
        if found:  # seldom, and what migrations make takes seconds to find out
            wanted = set(_wanted(MigrationExecutor(connection)))
            found = [name for name in found if name in wanted]
    for name in found:
        with connection.schema_editor(atomic=False) as editor:
            editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {editor.quote_name(name)}")
    return found


def _wanted(executor: MigrationExecutor) -> Iterator[str]:
    """A migration that makes an index beside traffic is not atomic."""
    for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes()):
        if not migration.atomic:
            for statement in executor.loader.collect_sql([(migration, False)]):
                if name := index_created_by(statement):
                    yield name
