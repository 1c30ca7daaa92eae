"""Rows of backups: what this database knows of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max, Q

from ops.backup.manifest import Manifest
from ops.models import Backup
from ops.transactions import use_case

# When the newest backups were finished. Not when a proof ran: an old backup can be proved daily.
NEWEST = {
    "made": Max("finished_at"),
    "verified": Max("finished_at", filter=Q(verified_at__isnull=False)),
}


@use_case
def record(*, manifest: Manifest, location: str) -> None:
    """The row of a whole backup, made anew where this database was restored and lost it."""
    known = {
        "name": manifest.name,
        "started_at": manifest.started_at,
        "finished_at": manifest.finished_at,
        "sha256": manifest.sha256,
        "size_bytes": manifest.size_bytes,
        "schema_version": manifest.schema_version,
        "removed_at": None,
    }
    Backup.objects.update_or_create(location=location, defaults=known)


@use_case
def record_verified(*, location: str, now: datetime) -> None:
    Backup.objects.filter(location=location).update(verified_at=now, verify_error="")


@use_case
def record_failure(*, location: str, error: str, is_bad: bool) -> None:
    """A backup that is bad was never verified; one that could not be tried keeps its past."""
    rows = Backup.objects.filter(location=location)
    rows.update(verify_error=error[:1000])
    if is_bad:
        rows.update(verified_at=None)


@use_case
def mark_removed(location: str, *, now: datetime) -> None:
    Backup.objects.filter(location=location).update(removed_at=now)


def newest_verified(locations: Iterable[str]) -> str | None:
    rows = Backup.objects.filter(location__in=locations, verified_at__isnull=False)
    return rows.order_by("-finished_at").values_list("location", flat=True).first()
