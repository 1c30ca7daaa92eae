"""The database engine `notevault.db`: django-prometheus's PostgreSQL, which starts itself.

Without EMBEDDED in the DATABASES entry it is django-prometheus's engine, and one that knows a
lost connection when PgBouncer tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import psycopg
from django.db.backends.postgresql.client import DatabaseClient as PostgreSQLClient
from django.db.utils import DatabaseErrorWrapper
from django.utils.functional import cached_property
from django_prometheus.db.backends.postgresql import base

from notevault import embedded
from notevault.db.creation import DatabaseCreation


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


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    _seen_running: ClassVar[set[str]] = set()

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
