"""Whether there would be something to restore."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from ops.backup.health import TOO_OLD, VERIFIED_TOO_OLD
from ops.backup.programs import NoFittingProgram, find_clients
from ops.backup.records import NEWEST
from ops.doctor.finding import Finding, Visit, fail, judge, needs_database, ok
from ops.models import Backup

NIGHTLY = "Run `manage.py backup` and `manage.py backup_verify` each night (see deploy/)."


@needs_database
def examine(visit: Visit) -> Iterator[Finding]:
    yield _programs()
    yield judge(
        bool(settings.BACKUP_URL),
        level=visit.grave,
        well="Backups have a place of their own.",
        ill="BACKUP_URL is not set: backups have no place of their own.",
        remedy="Set BACKUP_URL to a bucket in another account or region, such as s3://bucket/db.",
    )
    last = Backup.objects.aggregate(**NEWEST)
    yield _age(visit, "backup", last["made"], TOO_OLD)
    proved = "backup that was restored and found right"
    yield _age(visit, proved, last["verified"], VERIFIED_TOO_OLD)


def _programs() -> Finding:
    server = connection.get_database_version()[0]
    try:
        clients = find_clients(at_least=server)
    except NoFittingProgram as error:
        return fail(
            f"No pg_dump here can read PostgreSQL {server}.",
            str(error),
        )
    return ok(f"pg_dump {clients.version} can read PostgreSQL {server}.")


def _age(visit: Visit, what: str, at: datetime | None, most: timedelta) -> Finding:
    hours = (visit.now - at).total_seconds() / 3600 if at else 0
    return judge(
        at is not None and visit.now - at <= most,
        level=visit.grave,
        well=f"The newest {what} is {hours:.0f} hours old.",
        ill=f"The newest {what} is {hours:.0f} hours old." if at else f"There is no {what} yet.",
        remedy=NIGHTLY,
    )
