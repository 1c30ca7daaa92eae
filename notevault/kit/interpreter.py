"""Python itself, told how a server lives."""

from __future__ import annotations

import gc
import sys

# Objects that come before they are looked over. At Python's 700, a collection fell into every
# request, and a sixth of the web's time into collections.
YOUNG = 25_000
# How long a thread that computes keeps one waiting that has heard from the database. At Python's
# 5 ms, a checkout of forty queries waited for other requests most of its time.
TURN_S = 0.001


def tune() -> None:
    """Called once, when all that stays for good is loaded: nobody looks at it again.

    Only cycles wait for the collector, so a process keeps some more of them for a moment.
    """
    sys.setswitchinterval(TURN_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
