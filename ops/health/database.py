"""The database: whether it answers, how full it is, and whether it suits this code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.db import Error, connection, connections
from health_check.checks import Database as DatabaseAnswers
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from notevault.kit import clock
from ops.health.check import Check, NotConfigured
from ops.health.readiness import migrations_applied

REPLICA = "replica"
FULL_SHARE = 0.9
# Deadlines, leases and tokens of different pods are compared with one another.
MOST_SKEW_S = 5.0
MOST_REPLICA_LAG_S = 30.0

# Of all databases, because they share the limit; what is kept back for superusers is not ours.
_CONNECTIONS = """
SELECT sum(numbackends)::int,
       current_setting('max_connections')::int
       - current_setting('superuser_reserved_connections')::int
       - coalesce(current_setting('reserved_connections', true), '0')::int
FROM pg_stat_database
"""
# Nothing to replay is no lag, however long ago the last change was.
_REPLICA_LAG = """
SELECT CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
       ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float
"""


@dataclass
class Database(DatabaseAnswers, Check):
    """It answers, has places left for more of us, and nobody here waits for a connection."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        self.connect()
        super().run()
        self.details["pool"] = pool = pool_figures()
        used, limit = server_connections()
        self.details["connections"] = {"used": used, "limit": limit}
        if pool.get("waiting"):
            raise ServiceWarning("requests wait for a connection of the pool")
        if used >= limit * FULL_SHARE:
            raise ServiceWarning(f"{used} of the server's {limit} connections are taken")

    def connect(self) -> None:
        """And stay connected, for the checks after this one."""
        try:
            connection.ensure_connection()
        except Error as error:
            raise ServiceUnavailable(type(error.__cause__ or error).__name__) from error


def server_connections() -> tuple[int, int]:
    """How many the server has, and how many it takes from users."""
    used, limit = _one_row(_CONNECTIONS)
    return used, limit


def pool_figures(alias: str = "default") -> dict[str, int]:
    """Of this process's pool; empty before it is first used. Opens none."""
    pools: dict[str, Any] = getattr(connections[alias], "_connection_pools", {})
    pool = pools.get(alias)
    if pool is None:
        return {}
    figures = pool.get_stats()
    idle = figures.get("pool_available", 0)
    return {
        "used": figures.get("pool_size", 0) - idle,
        "idle": idle,
        "limit": figures.get("pool_max", 0),
        "waiting": figures.get("requests_waiting", 0),
    }


@dataclass
class Migrations(Check):
    """All migrations of this code are applied."""

    def run(self) -> None:
        if not migrations_applied():
            raise ServiceUnavailable("not all migrations are applied")


@dataclass
class Replica(Check):
    """It answers, and is not far behind."""

    def run(self) -> None:
        if REPLICA not in connections.settings:
            raise NotConfigured("there is no replica")
        lag_s = _one_row(_REPLICA_LAG, alias=REPLICA)[0]
        self.details["lag_s"] = round(lag_s, 1)
        if lag_s > MOST_REPLICA_LAG_S:
            raise ServiceWarning(f"the replica is {lag_s:.0f} s behind")


@dataclass
class ClockSkew(Check):
    """This machine's clock agrees with the database's."""

    def run(self) -> None:
        skew_s = clock_skew_s()
        self.details["skew_s"] = round(skew_s, 3)
        if abs(skew_s) > MOST_SKEW_S:
            raise ServiceWarning(f"this clock is {-skew_s:+.1f} s off the database's")


def clock_skew_s() -> float:
    """By how much the database's clock is ahead of ours, in seconds."""
    asked_at = clock.now()
    there: datetime = _one_row("SELECT clock_timestamp()")[0]
    answered_at = clock.now()
    return (there - (asked_at + (answered_at - asked_at) / 2)).total_seconds()


def _one_row(query: str, *, alias: str = "default") -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
