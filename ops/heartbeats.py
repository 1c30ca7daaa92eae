"""The sign of life that a worker gives, in the database and to whoever probes it."""

from __future__ import annotations

import time

# A worker says it is alive every HEARTBEAT_S; after STALLED_AFTER_S of silence its jobs
# are given to others, which look every ten seconds: within 30 s of a SIGKILL in all.
HEARTBEAT_S = 5.0
STALLED_AFTER_S = 20.0

# A worker that starts has not registered yet.
_latest = time.monotonic()


def note() -> None:
    """The loop of this worker turns, and the database has taken its heartbeat."""
    global _latest
    _latest = time.monotonic()


def is_young() -> bool:
    """False once this worker's jobs may be given to others."""
    return time.monotonic() - _latest < STALLED_AFTER_S
