"""Hashing a password takes a core many times what a request does, on purpose. A rush of sign-ins
must leave threads, connections and the processor to everybody else.

New hashes are Argon2id by one of the equal settings of OWASP's Password Storage Cheat Sheet: that
with the least memory (7 MiB, 5 passes, 1 lane), which a small pod can give. It keeps a core for a
fraction of the time of Django's scrypt; Django's own setting would take 100 MiB a sign-in. A scrypt
of an older account is read, and hashed anew when it signs in (`User.check_password`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, ScryptPasswordHasher

from notevault.kit import deadline
from notevault.kit.bulkhead import Bulkhead, Full
from notevault.kit.errors import DomainError
from ops.transactions import lend_connection

# Of a request's time, for the hash itself and what follows it.
HASH_S = 0.5

places = Bulkhead(settings.WEB_THREADS // 2)
# A process hashes one password after the other: where a pod has a core or less, several at once
# are no sooner done, and each takes as much of it as all other requests of the process together.
one_at_a_time = threading.Lock()

_has_turn: ContextVar[bool] = ContextVar("has_turn", default=False)


class TooManyAtOnce(DomainError):
    code = "service_unavailable"
    message = "Many people are signing in at this moment. Try again in a second."


class Argon2id(Argon2PasswordHasher):
    """Django's own, in turn. Whoever hashes a password comes by here, Django's pages too."""

    time_cost = 5
    memory_cost = 7 * 1024
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with turn():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        with turn():
            return super().verify(password, encoded)


class Scrypt(ScryptPasswordHasher):
    """As `Argon2id`, of accounts that are older than that."""

    def encode(
        self,
        password: str,
        salt: str,
        n: int | None = None,
        r: int | None = None,
        p: int | None = None,
    ) -> str:
        with turn():
            return super().encode(password, salt, n, r, p)


@contextmanager
def turn() -> Iterator[None]:
    """Around a hash and all that must not happen without it, such as counting an attempt.

    Raises TooManyAtOnce: at once when half of the process's threads are at it, else when the
    turn does not come while the request has time. A turn inside a turn is the same one. The
    database connection goes back to its pool, unless a transaction is open. Outside of
    requests nothing of this holds: nobody else is served there.
    """
    if not deadline.is_set():
        yield
        return
    lend_connection()
    if _has_turn.get():
        yield
        return
    with _place(), _turn():
        yield


@contextmanager
def _place() -> Iterator[None]:
    # The stack parts the entry from the body: a Full that the body raises is somebody else's.
    with ExitStack() as held:
        try:
            held.enter_context(places.place())
        except Full:
            raise TooManyAtOnce(retry_after=1) from None
        yield


@contextmanager
def _turn() -> Iterator[None]:
    left = deadline.remaining(deadline.REQUEST_S) - HASH_S
    if not one_at_a_time.acquire(timeout=max(0.0, left)):
        raise TooManyAtOnce(retry_after=1)
    token = _has_turn.set(True)
    try:
        yield
    finally:
        _has_turn.reset(token)
        one_at_a_time.release()
