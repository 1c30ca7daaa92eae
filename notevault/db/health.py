"""Whether a pooled connection still works, found out without asking the server each time."""

from __future__ import annotations

import select
from time import monotonic
from typing import Any

from psycopg_pool import ConnectionPool

# A server needs longer to come back, so what it broke by going has been asked again by then.
TRUSTED_S = 1.0


def check(connection: Any) -> None:
    """Called by the pool for a connection that it is about to give; raises when it is lost.

    One that has answered within the last second is only looked at: a server that hangs up, or
    has something to say, makes its socket readable. Any other is asked, which costs a round trip.
    """
    now = monotonic()
    if now - getattr(connection, "answered_at", -TRUSTED_S) < TRUSTED_S and _is_quiet(connection):
        return
    ConnectionPool.check_connection(connection)
    connection.answered_at = now


def _is_quiet(connection: Any) -> bool:
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return not socket.poll(0)
