"""Hashing a password takes a core a seventh of a second, on purpose. A rush of sign-ins must
leave threads for everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings

from notevault.kit.bulkhead import Bulkhead, Full
from notevault.kit.errors import DomainError

places = Bulkhead(settings.WEB_THREADS // 2)


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
