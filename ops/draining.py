"""Whether this process has been told to stop: it serves what it has, and asks for no more."""

from __future__ import annotations

import threading

_told = threading.Event()


def begin() -> None:
    """From now on `/health/ready` says no. Safe to call in a signal handler."""
    _told.set()


def is_draining() -> bool:
    return _told.is_set()
