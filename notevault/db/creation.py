"""Databases of tests, made and dropped also where PgBouncer keeps connections to them.

Elsewhere Django's rules hold: one that is in use is not dropped.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql.creation import DatabaseCreation as PostgreSQLCreation

from notevault.db import pgbouncer


class DatabaseCreation(PostgreSQLCreation):
    """Behind PgBouncer whoever is still connected to one is sent away: somebody always is."""

    def _execute_create_test_db(
        self, cursor: Any, parameters: dict[str, str], keepdb: bool = False
    ) -> None:
        if not keepdb and pgbouncer.is_between(self.connection.alias):
            cursor.execute(f"DROP DATABASE IF EXISTS {parameters['dbname']} WITH (FORCE)")
        super()._execute_create_test_db(cursor, parameters, keepdb)  # type: ignore[misc]

    def _destroy_test_db(self, test_database_name: str, verbosity: int) -> None:
        if not pgbouncer.is_between(self.connection.alias):
            super()._destroy_test_db(test_database_name, verbosity)  # type: ignore[misc]
            return
        self.connection.close_pool()
        name = self.connection.ops.quote_name(test_database_name)
        with self._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
