"""The line of `/health/detailed` that says how old the last good backup is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from health_check.exceptions import ServiceWarning

from notevault.kit import clock
from ops.backup.records import NEWEST
from ops.health.check import Check
from ops.models import Backup

# One a day, and two hours for it to be late.
TOO_OLD = timedelta(hours=26)
# The newest is proved some hours after it was made; until then the one before counts.
VERIFIED_TOO_OLD = timedelta(hours=30)


@dataclass
class Age(Check):
    """Degraded when the newest backup is over 26 hours old, or the newest that was verified
    over 30; while developing, only where there once was one. It never makes a pod unready."""

    def run(self) -> None:
        last = Backup.objects.aggregate(**NEWEST)
        self.details = {
            "last_backup_at": _written(last["made"]),
            "last_verified_backup_at": _written(last["verified"]),
        }
        if last["made"] is None and settings.DEBUG:
            return
        _warn_when_late("backup was made", last["made"], TOO_OLD)
        _warn_when_late("verified backup was made", last["verified"], VERIFIED_TOO_OLD)


def _warn_when_late(what: str, at: datetime | None, most: timedelta) -> None:
    if at is None:
        raise ServiceWarning(f"no {what} yet")
    age = clock.now() - at
    if age > most:
        raise ServiceWarning(f"no {what} for {age.total_seconds() / 3600:.0f} hours")


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
