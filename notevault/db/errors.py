"""Errors of the database, as the code above is to see them."""

from __future__ import annotations

from types import TracebackType

import psycopg
from django.db.utils import DatabaseErrorWrapper


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
