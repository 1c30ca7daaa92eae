"""Lockout: five failures lock an e-mail address for fifteen minutes, in every process.

An attempt is counted before the password is looked at, so that guesses sent at the same
moment cannot all pass the check first.
"""

from __future__ import annotations

import hashlib
import math
from datetime import datetime, timedelta

from django.db import connection

from notevault.accounts.models import SignInGuard, normalise_email
from notevault.kit.errors import DomainError

MAX_FAILURES = 5
LOCK = timedelta(minutes=15)

_COUNT = """
INSERT INTO accounts_signinguard AS held (email_digest, attempts, last_counted_at)
VALUES (%(key)s, 1, %(now)s)
ON CONFLICT (email_digest) DO UPDATE SET
    attempts = CASE WHEN held.last_counted_at <= %(reset)s THEN 1 ELSE held.attempts + 1 END,
    last_counted_at = CASE
        WHEN held.last_counted_at > %(reset)s AND held.attempts >= %(most)s
        THEN held.last_counted_at ELSE %(now)s END
RETURNING attempts, last_counted_at
"""


class AccountLocked(DomainError):
    code = "account_locked"
    message = "Too many failed sign-ins. Try again later."


def count_attempt(*, email: str, now: datetime) -> None:
    """Reserve one attempt. Raises AccountLocked, with the wait, when none is left.

    The database's row decides; refused attempts do not prolong the lock.
    """
    arguments: dict[str, str | datetime | int] = {
        "key": _digest(email),
        "now": now,
        "reset": now - LOCK,
        "most": MAX_FAILURES,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, arguments)
        attempts, last_counted_at = cursor.fetchone()
    if attempts > MAX_FAILURES:
        wait = last_counted_at + LOCK - now
        raise AccountLocked(retry_after=math.ceil(wait.total_seconds()))


def clear(*, email: str) -> None:
    """Forget the failures after a success."""
    SignInGuard.objects.filter(pk=_digest(email)).delete()


def forget(*, before: datetime) -> None:
    """Delete the rows of addresses that were last tried before then."""
    SignInGuard.objects.filter(last_counted_at__lte=before).delete()


def _digest(email: str) -> str:
    return hashlib.sha256(normalise_email(email).encode()).hexdigest()
