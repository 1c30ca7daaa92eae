"""Long polling that cannot starve the process."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.db import connection

from notevault.kit.bulkhead import Bulkhead, Full

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 1.0

# A quarter of a process's threads waits; a caller beyond that is answered at once.
_polls = Bulkhead(settings.WEB_THREADS // 4)


def wait_until(is_done: Callable[[], bool], *, seconds: float) -> None:
    """Look again and again until `is_done` or the time is over.

    Between looks the database connection is back in its pool.
    """
    if seconds <= 0:
        return
    try:
        with _polls.place():
            _look_until(is_done, time.monotonic() + seconds)
    except Full:
        return


def _look_until(is_done: Callable[[], bool], deadline: float) -> None:
    pause = FIRST_PAUSE_S
    while not is_done():
        left = deadline - time.monotonic()
        if left <= 0:
            return
        if not connection.in_atomic_block:
            connection.close()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
