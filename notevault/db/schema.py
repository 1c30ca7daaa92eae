"""Changes of the schema beside traffic: indexes that are built while others write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgreSQLSchemaEditor

from notevault.db import pgbouncer

# For the transactions that an index built beside traffic has to outlast.
PATIENCE_S = 600

_CREATED = re.compile(
    r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r'(?:"([^"]+)"|(\w+))',
    re.IGNORECASE,
)
_IS_BROKEN = "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(quote_ident(%s))"


def index_created_by(statement: str) -> str | None:
    """The name of the index that a statement builds beside traffic, if it does."""
    found = _CREATED.search(statement)
    if found is None:
        return None
    quoted, plain = found.groups()
    return str(quoted or plain.lower())


class DatabaseSchemaEditor(PostgreSQLSchemaEditor):
    """Index builds beside traffic go on where an earlier try was broken off, and are patient."""

    sql_create_index_concurrently = PostgreSQLSchemaEditor.sql_create_index_concurrently.replace(
        "CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"
    )

    def execute(self, sql: Any, params: Any = ()) -> None:
        """An index that is built beside traffic is valid afterwards.

        The process that began it may be gone while its session goes on building: the table's
        lock is waited for until that has ended, and IF NOT EXISTS then takes what it has left,
        broken or not.
        """
        if self.collect_sql or "CONCURRENTLY" not in str(sql):
            super().execute(sql, params)
            return
        with self._patience():
            super().execute(sql, params)
            name = index_created_by(str(sql))
            while name and self._is_broken(name):
                super().execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.quote_name(name)}")
                super().execute(sql, params)

    def _is_broken(self, index: str) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute(_IS_BROKEN, [index])
            return bool(cursor.fetchone() == (True,))

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Who builds an index beside traffic waits for each transaction that is older, and
        nobody waits behind it: the second that other migrations have is too short for that.
        Behind pgbouncer a session has no settings of its own, and its role's hold."""
        if pgbouncer.is_between(self.connection.alias):
            yield
            return
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{PATIENCE_S}s'")
        try:
            yield
        finally:
            # A connection that is lost has said so, and has no setting to give back.
            with suppress(OperationalError, InterfaceError), self.connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
