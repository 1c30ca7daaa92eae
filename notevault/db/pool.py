"""The pools of connections: psycopg's, which lend the one that came back last.

Psycopg lends the one that has rested longest, and so keeps all of them in turn. The last one has
its server process, and what that remembers, still in the processor's caches; the others rest, and
PgBouncer has others to lend. Whether one still works is found out without asking the server each
time.
"""

from __future__ import annotations

import select
import threading
from collections import deque
from time import monotonic
from typing import Any

from psycopg_pool import AsyncConnectionPool, ConnectionPool

# A server needs longer to come back, so what it broke by going has been asked again by then.
TRUSTED_S = 1.0


def check(connection: Any) -> None:
    """Called by the pool for a connection that it is about to give; raises when it is lost.

    One that has answered within the last second is only looked at: a server that hangs up, or
    has something to say, makes its socket readable. Any other is asked, which costs a round trip.
    """
    if _is_trusted(connection):
        return
    now = monotonic()
    ConnectionPool.check_connection(connection)
    connection.answered_at = now


async def check_async(connection: Any) -> None:
    """As `check`, of a worker's own connections."""
    if _is_trusted(connection):
        return
    now = monotonic()
    await AsyncConnectionPool.check_connection(connection)
    connection.answered_at = now


def of_web(pool: ConnectionPool, *, checked: bool) -> None:
    """Make one that Django has just made a pool of ours; it gives no setting for that."""
    if isinstance(pool._pool, _Stack):
        return
    with _one_at_a_time:
        if not isinstance(pool._pool, _Stack):
            pool._check = check if checked else None
            pool._pool = _Stack(pool._pool)


def of_worker(**options: Any) -> AsyncConnectionPool:
    """Procrastinate's. Its own check would cost a round trip for each query."""
    pool = AsyncConnectionPool(**{**options, "check": check_async})
    pool._pool = _Stack(pool._pool)
    return pool


_one_at_a_time = threading.Lock()


class _Stack(deque[Any]):
    """Psycopg takes from the left what it has put on the right, also when it closes one that
    nobody needs, each ten minutes: then it is a warm one that goes."""

    def popleft(self) -> Any:
        return self.pop()


def _is_trusted(connection: Any) -> bool:
    age = monotonic() - getattr(connection, "answered_at", -TRUSTED_S)
    return age < TRUSTED_S and _is_quiet(connection)


def _is_quiet(connection: Any) -> bool:
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return not socket.poll(0)
