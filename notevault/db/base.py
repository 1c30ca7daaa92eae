"""The database engine `notevault.db`: django-prometheus's PostgreSQL, which starts itself.

Without EMBEDDED in the DATABASES entry it is django-prometheus's engine with three differences:
it knows a lost connection when PgBouncer tells of it, does not ask each time whether one is
lost, and its schema editor knows of traffic beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql.client import DatabaseClient as PostgreSQLClient
from django.db.backends.postgresql.schema import DatabaseSchemaEditor as PostgreSQLSchemaEditor
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from django_prometheus.db.backends.postgresql import base

from notevault import embedded
from notevault.db import health
from notevault.db.creation import DatabaseCreation

# For the transactions that an index built beside traffic has to outlast.
PATIENCE_S = 600


class DatabaseClient(PostgreSQLClient):
    """`manage.py dbshell`, with the psql of the server's own version."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        args, env = super().settings_to_cmd_args_env(settings_dict, parameters)
        if settings_dict.get("EMBEDDED"):
            embedded.server(Path(settings_dict["EMBEDDED"])).ensure_running()
            args[0] = str(embedded.find_binaries() / "psql")
        return args, env


class Errors(DatabaseErrorWrapper):
    """Django's, but a connection that was lost is always an OperationalError.

    When a server ends under PgBouncer, its client hears of it twice: the server's own words, then
    PgBouncer's. In answer to BEGIN, COMMIT or ROLLBACK psycopg takes two for an error of its own.
    """

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection = self.wrapper.connection  # type: ignore[attr-defined]
        lost = connection is None or connection.closed
        if isinstance(error, psycopg.InternalError) and error.sqlstate is None and lost:
            error = psycopg.OperationalError(*error.args)
            kind = type(error)
        super().__exit__(kind, error, trace)


class DatabaseSchemaEditor(PostgreSQLSchemaEditor):
    """Index builds beside traffic go on where an earlier try was broken off, and are patient."""

    sql_create_index_concurrently = PostgreSQLSchemaEditor.sql_create_index_concurrently.replace(
        "CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS"
    )

    def execute(self, sql: Any, params: Any = ()) -> None:
        if self.collect_sql or "CONCURRENTLY" not in str(sql):
            super().execute(sql, params)
            return
        with self._patience():
            super().execute(sql, params)

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """Who builds an index beside traffic waits for each transaction that is older, and
        nobody waits behind it: the second that other migrations have is too short for that.
        Behind pgbouncer a session has no settings of its own, and its role's hold."""
        options = self.connection.settings_dict["OPTIONS"].get("options", "")
        if "lock_timeout" not in options:
            yield
            return
        with self.connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{PATIENCE_S}s'")
        try:
            yield
        finally:
            with self.connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    SchemaEditorClass = DatabaseSchemaEditor
    _seen_running: ClassVar[set[str]] = set()

    @property
    def pool(self) -> Any:
        """Django's, with our own check (health.py), which it gives no setting for."""
        pool = super().pool
        if pool and self.settings_dict["CONN_HEALTH_CHECKS"]:
            pool._check = health.check
        return pool

    @cached_property
    def wrap_database_errors(self) -> Errors:
        return Errors(self)

    def get_connection_params(self) -> dict[str, Any]:
        base_dir = self.settings_dict.get("EMBEDDED")
        if base_dir and base_dir not in self._seen_running:
            embedded.server(Path(base_dir)).ensure_running()
            self._seen_running.add(base_dir)
        params: dict[str, Any] = super().get_connection_params()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection; a server of ours that has died since is started again first."""
        try:
            return super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            base_dir = self.settings_dict.get("EMBEDDED")
            if not base_dir or embedded.server(Path(base_dir)).is_running():
                raise
            embedded.server(Path(base_dir)).ensure_running()
            return super().get_new_connection(conn_params)
