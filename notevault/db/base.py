"""The database engine `notevault.db`: django-prometheus's PostgreSQL, which starts itself.

Without EMBEDDED in the DATABASES entry it is django-prometheus's engine with four differences:
it knows a lost connection when PgBouncer tells of it (errors.py), lends the connection that came
back last and does not ask each time whether it is lost (pool.py), its schema editor knows of
traffic beside it (schema.py), and databases of tests can be dropped while PgBouncer is connected
to them (creation.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.postgresql.client import DatabaseClient as PostgreSQLClient
from django.utils.functional import cached_property
from django_prometheus.db.backends.postgresql import base
from django_prometheus.db.common import ExportingCursorWrapper

from notevault import embedded
from notevault.db import pool as pools
from notevault.db.creation import DatabaseCreation
from notevault.db.errors import Errors
from notevault.db.schema import DatabaseSchemaEditor


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


class DatabaseWrapper(base.DatabaseWrapper):
    client_class = DatabaseClient
    creation_class = DatabaseCreation
    SchemaEditorClass = DatabaseSchemaEditor
    _seen_running: ClassVar[set[str]] = set()

    @property
    def pool(self) -> Any:
        """Django's, as a pool of ours (pool.py)."""
        pool = super().pool
        if pool:
            pools.of_web(pool, checked=self.settings_dict["CONN_HEALTH_CHECKS"])
        return pool

    @cached_property
    def wrap_database_errors(self) -> Errors:
        return Errors(self)

    def get_connection_params(self) -> dict[str, Any]:
        base_dir = self.settings_dict.get("EMBEDDED")
        if base_dir and base_dir not in self._seen_running:
            embedded.server(Path(base_dir)).ensure_running()
            self._seen_running.add(base_dir)
        # Not django-prometheus's: it would make a class for each connection that is lent.
        params: dict[str, Any] = PostgreSQL.get_connection_params(self)
        params["cursor_factory"] = _counting(params["cursor_factory"], self.alias, self.vendor)
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


@cache
def _counting(cursor: type[Any], alias: str, vendor: str) -> type[Any]:
    made: type[Any] = ExportingCursorWrapper(cursor, alias, vendor)
    return made
