"""Housekeeping of sign-ins."""

from __future__ import annotations

from notevault.accounts import services
from notevault.kit import clock
from ops.jobs import periodic


@periodic("41 3 * * *", queue="ops")
def forget_what_is_over() -> None:
    services.forget_what_is_over(now=clock.now())
