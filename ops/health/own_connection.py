"""Connections beside the pool, for as long as a question takes.

A probe that waited for the pool would say that the database is away whenever all
connections are at work, and all pods would leave their service together. So it connects
anew, which takes a few milliseconds and asks the server for a sign of life besides.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from notevault.db import pgbouncer

# libpq's least. Unlike a statement, connecting is bounded on our side.
CONNECT_S = 2
STATEMENT_S = 1
# Of silence, until the kernel gives up a connection whose packets nobody confirms.
SILENCE_MS = 3000


@contextmanager
def own_connections() -> Iterator[None]:
    """Within it, this thread reaches each database by a connection of its own, on which
    PostgreSQL gives a statement one second; behind PgBouncer, only with `patience`."""
    before = {alias: connections[alias] for alias in connections}
    for alias in before:
        connections[alias] = _connection_to(alias)
    try:
        yield
    finally:
        for alias, connection in before.items():
            connections[alias].close()
            connections[alias] = connection


@contextmanager
def patience() -> Iterator[None]:
    """Around one check: PgBouncer takes no time-out of a session, but that of a transaction."""
    if not pgbouncer.is_between():
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")
        yield


def _connection_to(alias: str) -> BaseDatabaseWrapper:
    known = connections.settings[alias]
    wrapper: BaseDatabaseWrapper = load_backend(known["ENGINE"]).DatabaseWrapper(
        {**known, "OPTIONS": _bounded(known["OPTIONS"])}, alias
    )
    return wrapper


def _bounded(options: dict[str, Any]) -> dict[str, Any]:
    own = {name: value for name, value in options.items() if name != "pool"}
    own |= {"connect_timeout": CONNECT_S, "tcp_user_timeout": SILENCE_MS}
    if "options" in own:  # pgbouncer takes none
        own["options"] += f" -c statement_timeout={STATEMENT_S}s"
    return own
