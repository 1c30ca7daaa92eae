"""Waiting that cannot starve the process."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings

from notevault.kit.bulkhead import Bulkhead, Full
from ops import draining
from ops.transactions import lend_connection

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 1.0

# A quarter of a process's threads waits; a caller beyond that is answered at once.
share = Bulkhead(settings.WEB_THREADS // 4)


def wait_until(is_done: Callable[[], bool], *, seconds: float) -> None:
    """Look again and again until `is_done`, the time is over, or the process is to stop.

    Between looks the database connection is back in its pool.
    """
    if seconds <= 0:
        return
    try:
        with share.place():
            _look_until(is_done, time.monotonic() + seconds)
    except Full:
        return


def _look_until(is_done: Callable[[], bool], deadline: float) -> None:
    pause = FIRST_PAUSE_S
    while not is_done() and not draining.is_draining():
        left = deadline - time.monotonic()
        if left <= 0:
            return
        lend_connection()
        draining.pause(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE_S)
