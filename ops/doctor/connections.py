"""Whether the server has a connection for each that all pods may open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, connections

from notevault.db import pgbouncer
from ops.doctor.finding import Finding, Visit, fail, needs_database, ok
from ops.health.database import server_connections

# Of a worker, beside its threads': procrastinate's own pool, and the one that listens.
QUEUE_CONNECTIONS = 5
# A migration, a backup, a command, two people with psql.
FOR_PEOPLE = 5

_LIMITS = """
SELECT (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user),
       (SELECT datconnlimit FROM pg_database WHERE datname = current_database())
"""


@dataclass(frozen=True)
class Need:
    """What all pods may open at once."""

    pods: int
    worker_pods: int
    web_processes: int
    pool: int
    worker_threads: int

    @property
    def workers(self) -> int:
        return self.worker_pods * (min(self.pool, self.worker_threads) + QUEUE_CONNECTIONS)

    @property
    def total(self) -> int:
        # A probe of each process may connect beside its pool.
        return self.pods * self.web_processes * (self.pool + 1) + self.workers + FOR_PEOPLE

    def pool_for(self, limit: int) -> int:
        """The largest pool that fits, or 0 when none does."""
        left = limit - FOR_PEOPLE - self.worker_pods * (self.worker_threads + QUEUE_CONNECTIONS)
        return max(left // (self.pods * self.web_processes) - 1, 0)


@needs_database
def examine(visit: Visit) -> Iterator[Finding]:
    need = Need(
        pods=visit.pods,
        worker_pods=visit.worker_pods,
        web_processes=settings.WEB_WORKERS,
        pool=connections.settings["default"]["OPTIONS"].get("pool", {}).get("max_size", 1),
        worker_threads=settings.WORKER_CONCURRENCY,
    )
    if pgbouncer.is_between():
        yield ok(f"PgBouncer: its max_client_conn has to be at least {need.total}.")
    else:
        yield judge_need(need, limit=_limit())


def judge_need(need: Need, *, limit: int) -> Finding:
    sum_of = (
        f"{need.pods} pods × {need.web_processes} processes × ({need.pool} + 1 for probes), "
        f"{need.worker_pods} workers and {FOR_PEOPLE} for people need {need.total} connections"
    )
    if need.total <= limit:
        return ok(f"{sum_of}, and {limit} can be had.")
    fitting = need.pool_for(limit)
    smaller = f"Set connection_limit={fitting} in DATABASE_URL, or raise" if fitting else "Raise"
    return fail(
        f"{sum_of}, but only {limit} can be had.",
        f"{smaller} the server's max_connections by {need.total - limit}, or put PgBouncer "
        "between (pgbouncer=true in DATABASE_URL), or plan fewer pods (--pods).",
    )


def _limit() -> int:
    """Of the server, the role and the database, the lowest; -1 is none."""
    _, of_server = server_connections()
    with connection.cursor() as cursor:
        cursor.execute(_LIMITS)
        limits: tuple[int, ...] = cursor.fetchone()
    return min(limit for limit in (of_server, *limits) if limit >= 0)
