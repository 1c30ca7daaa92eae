"""Who may read what: granting it, and the link to the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce

from notes.instruments import DOWNLOADS
from notes.models import MAX_DOWNLOADS, DownloadEvent, Note, NoteAccess
from notes.selectors import NoteNotFound
from notes.storage import note_storage
from notevault.kit.caller import NOBODY, Caller
from notevault.kit.errors import DomainError
from ops.transactions import use_case

LINK_LIFETIME = timedelta(minutes=10)


class DownloadLimitReached(DomainError):
    code = "download_limit_reached"
    message = f"All {MAX_DOWNLOADS} downloads of this purchase are used. Support can reset them."


class RefundUnderWay(DomainError):
    code = "refund_under_way"
    message = "The price of this note is on its way back to you, so it cannot be downloaded."


@dataclass(frozen=True)
class DownloadLink:
    url: str
    expires_at: datetime
    downloads_left: int


def grant_accesses(*, buyer_id: UUID, references: Mapping[UUID, UUID], now: datetime) -> set[UUID]:
    """Let the buyer read each note of `references` (note id to what it is granted for).

    A step. Returns the ids of the notes that their references give access to, and counts
    each sale once, however often it is called; of the other notes the buyer has a live
    access already. The partial unique index decides between callers that race.
    """
    rows = [
        NoteAccess(note_id=note_id, buyer_id=buyer_id, reference=reference, granted_at=now)
        for note_id, reference in sorted(references.items())  # in lock order
    ]
    NoteAccess.objects.bulk_create(rows, ignore_conflicts=True)
    live = NoteAccess.objects.filter(reference__in=list(references.values()), revoked_at=None)
    written = live.filter(pk__in=[row.pk for row in rows])
    Note.objects.filter(pk__in=written.values("note_id")).update(sales_count=F("sales_count") + 1)
    return set(live.values_list("note_id", flat=True))


def revoke_accesses(*, references: Collection[UUID], why: str, now: datetime) -> int:
    """Take back what was granted for these references; returns how many were live.

    A step.
    """
    live = NoteAccess.objects.filter(reference__in=references, revoked_at=None)
    return live.update(revoked_at=now, revoked_why=why[:200])


def restore_accesses(*, references: Collection[UUID]) -> set[UUID]:
    """Give back what was revoked for these references, since their money stays after all.

    A step. Returns the references that give access now: not those of a note that the buyer
    has got otherwise meanwhile.
    """
    other = NoteAccess.objects.filter(
        buyer=OuterRef("buyer"), note=OuterRef("note"), revoked_at=None
    )
    revoked = NoteAccess.objects.filter(reference__in=references, revoked_at__isnull=False)
    revoked.exclude(Exists(other)).update(revoked_at=None, revoked_why="")
    live = NoteAccess.objects.filter(reference__in=references, revoked_at=None)
    return set(live.values_list("reference", flat=True))


def suspend_accesses(*, references: Collection[UUID], now: datetime) -> None:
    """Allow no download while the price of these references is on its way back. A step."""
    NoteAccess.objects.filter(reference__in=references, suspended_at=None).update(suspended_at=now)


def resume_accesses(*, references: Collection[UUID]) -> None:
    """Allow downloads again: the price has not gone back after all. A step."""
    suspended = NoteAccess.objects.filter(reference__in=references, suspended_at__isnull=False)
    suspended.update(suspended_at=None)


def hold_unread(*, references: Collection[UUID]) -> set[UUID]:
    """The references whose notes were never downloaded, and cannot be until the transaction
    around this step ends."""
    held = NoteAccess.objects.select_for_update(no_key=True).order_by("pk")
    rows = held.filter(reference__in=references, revoked_at=None)
    return {row.reference for row in rows if not row.downloads and not row.first_downloaded_at}


def unread(references: Collection[UUID]) -> set[UUID]:
    """The references whose notes were never downloaded."""
    rows = NoteAccess.objects.filter(reference__in=references, revoked_at=None)
    never = rows.filter(downloads=0, first_downloaded_at=None)
    return set(never.values_list("reference", flat=True))


def download_link(
    *, note_id: UUID, buyer_id: UUID, now: datetime, caller: Caller = NOBODY
) -> DownloadLink:
    """A link of ten minutes for a note in the buyer's library; counts one download, and
    notes who asked for it.

    Raises NoteNotFound for a note the buyer may not read, DownloadLimitReached,
    RefundUnderWay.
    """
    try:
        link = _make_link(note_id, buyer_id, now, caller)
    except DomainError as refusal:
        DOWNLOADS.labels(refusal.code).inc()
        raise
    DOWNLOADS.labels("given").inc()
    return link


def _make_link(note_id: UUID, buyer_id: UUID, now: datetime, caller: Caller) -> DownloadLink:
    live = NoteAccess.objects.filter(note_id=note_id, buyer_id=buyer_id, revoked_at=None)
    access = live.select_related("note__published_file").first()
    if access is None or access.note.published_file is None:
        raise NoteNotFound
    expires_at = now + LINK_LIFETIME
    url = note_storage().download_url(
        access.note.published_file.storage_name,
        filename=f"{access.note.title}.pdf",
        expires_at=expires_at,
    )
    _count_download(access_id=access.pk, caller=caller, now=now)
    return DownloadLink(url, expires_at, max(0, MAX_DOWNLOADS - access.downloads - 1))


@use_case
def _count_download(*, access_id: UUID, caller: Caller, now: datetime) -> None:
    live = NoteAccess.objects.filter(pk=access_id, revoked_at=None)
    counted = live.filter(downloads__lt=MAX_DOWNLOADS, suspended_at=None).update(
        downloads=F("downloads") + 1, first_downloaded_at=Coalesce("first_downloaded_at", now)
    )
    if counted != 1:
        suspended = live.filter(suspended_at__isnull=False).exists()
        raise RefundUnderWay if suspended else DownloadLimitReached
    DownloadEvent.objects.create(
        access_id=access_id,
        at=now,
        ip_address=caller.ip_address,
        user_agent=caller.user_agent[:300],
    )


@use_case
def reset_downloads(*, access_id: UUID) -> None:
    """Let the buyer download as often as after the purchase; repeating it changes nothing."""
    read = NoteAccess.objects.filter(pk=access_id, downloads__gt=0)
    read.update(downloads=0, first_downloaded_at=Coalesce("first_downloaded_at", "granted_at"))
