"""Places for slow work, so that it cannot take every thread of a web process.

At most half of the threads talk to upstreams (Razorpay, Cloudinary), and at most a quarter
waits for what others do (`payments/waiting.py`): a quarter always serves the catalogue. At most
half hash passwords, or wait for their turn (`accounts/hashing.py`).

    with bulkhead.place():
        reply = session.post(...)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from notevault.kit import deadline


class Full(Exception):
    """Every place is taken; the caller is refused at once instead of waiting for one."""


class Bulkhead:
    """At most `places` requests at once. Jobs and commands are not counted: their threads
    serve nobody else."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(max(1, places))

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place inside. Raises Full, at once, when there is none."""
        if not deadline.is_set():
            yield
            return
        if not self._places.acquire(blocking=False):
            raise Full
        try:
            yield
        finally:
            self._places.release()


# One call of an upstream takes one of them.
place = Bulkhead(settings.WEB_THREADS // 2).place
