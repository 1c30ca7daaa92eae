"""What a database holds, counted exactly, in the snapshot of whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

# Neither the system's own nor an extension's: what a dump has in it.
_OURS = """
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
"""
_TABLES = f"SELECT n.nspname, c.relname {_OURS} AND c.relkind = 'r' ORDER BY 1, 2"
_OTHERS = f"SELECT count(*) {_OURS} AND c.relkind IN ('v', 'm', 'S', 'f', 'p')"
_SCHEMAS = """
SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
ORDER BY 1
"""
_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """The rows of each table, by `schema.table`."""
    counts = {}
    for schema, table in connection.execute(_TABLES).fetchall():
        question = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))
        counts[f"{schema}.{table}"] = _number(connection, question)
    return counts


@dataclass(frozen=True)
class Contents:
    tables: list[str]
    others: int
    """Views, sequences and the like."""
    schemas: list[str]
    """Besides the system's own; `public` is in every new database."""
    sessions: int
    """Other clients that are connected."""

    @property
    def is_empty(self) -> bool:
        return not self.tables and not self.others and set(self.schemas) <= {"public"}

    def __str__(self) -> str:
        return f"{len(self.tables)} tables in the schemas {', '.join(self.schemas)}"


def look_into(connection: psycopg.Connection[Any]) -> Contents:
    return Contents(
        tables=[".".join(row) for row in connection.execute(_TABLES).fetchall()],
        others=_number(connection, sql.SQL(_OTHERS)),
        schemas=[name for (name,) in connection.execute(_SCHEMAS)],
        sessions=_number(connection, sql.SQL(_SESSIONS)),
    )


def _number(connection: psycopg.Connection[Any], question: sql.SQL | sql.Composed) -> int:
    [(number,)] = connection.execute(question)
    return int(number)
