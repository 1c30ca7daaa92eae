"""Hashing a password takes a core a seventh of a second, on purpose. A rush of sign-ins must
leave threads, and the processor, to everybody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings

from notevault.kit.bulkhead import Bulkhead, Full
from notevault.kit.errors import DomainError

places = Bulkhead(settings.WEB_THREADS // 2)
# A process hashes one password after the other. Several at once are no sooner done where a pod
# has a core or less, and share it with every other request. Who waits here has a place, so few do.
turn = threading.Lock()


class TooManyAtOnce(DomainError):
    code = "service_unavailable"
    message = "Many people are signing in at this moment. Try again in a second."


@contextmanager
def place() -> Iterator[None]:
    """Around whatever hashes a password, and before an attempt is counted.

    Raises TooManyAtOnce, at once, when half of the process's threads are at it.
    """
    with ExitStack() as held:
        try:
            held.enter_context(places.place())
        except Full:
            raise TooManyAtOnce(retry_after=1) from None
        yield
