"""Whether this process has been told to stop: it serves what it has, and asks for no more."""

from __future__ import annotations

import threading

_told = threading.Event()


def begin() -> None:
    """From now on `/health/ready` says no. Safe to call in a signal handler."""
    _told.set()


def is_draining() -> bool:
    return _told.is_set()


def pause(seconds: float) -> None:
    """Sleep so long, or until this process is told to stop. Never call it in the main
    thread: a signal handler could not tell it."""
    _told.wait(seconds)
