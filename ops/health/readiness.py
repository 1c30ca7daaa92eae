"""Whether requests can be served here: the database answers, its migrations are applied, and
nobody has told this process to stop."""

from __future__ import annotations

import psycopg
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.loader import MigrationLoader
from psycopg.errors import ConnectionTimeout

from ops import draining
from ops.health.own_connection import own_connections
from ops.shared_answer import SharedAnswer

# A kubelet is told to wait two seconds or more.
WAIT_S = 1.5
FRESH_S = 1.0
POOL_WAIT_S = 0.3

DATABASE, MIGRATIONS, DRAINING = "database", "migrations", "draining"

_applied = False


def why_not() -> str:
    """Empty when ready; else the reason, within a second and a half."""
    if draining.is_draining():
        return DRAINING
    try:
        return answer.within(WAIT_S)
    except TimeoutError:
        return DATABASE


def _ask() -> str:
    try:
        with own_connections():
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            return "" if migrations_applied() else MIGRATIONS
    except (DatabaseError, InterfaceError) as error:
        was_silent = isinstance(error.__cause__, ConnectionTimeout)
        serves = _applied and not was_silent and _pool_answers()
        return "" if serves else DATABASE


def _pool_answers() -> bool:
    """A server that takes no connection more still serves those it has: that it is full must
    not make each pod unready."""
    pool = getattr(connection, "pool", None)
    if pool is None:
        return False
    try:
        with pool.connection(timeout=POOL_WAIT_S) as lent:
            lent.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def migrations_applied() -> bool:
    """True when the database is at least as far as this code; asked no more once it was.

    What a later release has applied besides changes nothing: its predecessor serves on."""
    global _applied
    if not _applied:
        loader = MigrationLoader(connection)
        _applied = loader.applied_migrations.keys() >= set(loader.graph.leaf_nodes())
    return _applied


answer = SharedAnswer(_ask, fresh_s=FRESH_S)
