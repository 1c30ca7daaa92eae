"""An access whose price is on its way back: kept, and no download."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import transaction

from notes import access
from notes.models import MAX_DOWNLOADS, NoteAccess

pytestmark = pytest.mark.django_db


@pytest.fixture
def reference(note, buyer, now) -> UUID:
    granted = uuid4()
    access.grant_accesses(buyer_id=buyer.pk, references={note.pk: granted}, now=now)
    return granted


@pytest.fixture
def download(note, buyer, now):
    def ask(after=timedelta()):
        return access.download_link(note_id=note.pk, buyer_id=buyer.pk, now=now + after)

    return ask


class TestASuspendedAccess:
    def test_gives_no_link_and_counts_none(self, reference, download, now):
        access.suspend_accesses(references=[reference], now=now)

        with pytest.raises(access.RefundUnderWay):
            download()

        left = NoteAccess.objects.get()
        assert (left.downloads, left.first_downloaded_at) == (0, None)

    def test_says_so_also_when_all_downloads_are_used(self, reference, download, now):
        NoteAccess.objects.update(downloads=MAX_DOWNLOADS)
        with pytest.raises(access.DownloadLimitReached):
            download()
        access.suspend_accesses(references=[reference], now=now)

        with pytest.raises(access.RefundUnderWay):
            download()

    def test_keeps_the_time_of_its_first_suspension(self, reference, now):
        for later in (timedelta(), timedelta(hours=1)):
            access.suspend_accesses(references=[reference], now=now + later)

        assert NoteAccess.objects.get().suspended_at == now

    def test_gives_links_again_once_it_is_resumed(self, reference, download, now):
        access.suspend_accesses(references=[reference], now=now)

        access.resume_accesses(references=[reference])

        assert download().downloads_left == MAX_DOWNLOADS - 1

    def test_of_another_purchase_is_left_alone(self, reference, download, now):
        access.suspend_accesses(references=[uuid4()], now=now)

        assert download().downloads_left == MAX_DOWNLOADS - 1


class TestTheFirstDownload:
    def test_is_kept_by_the_next_and_by_a_reset(self, reference, download, now):
        download(timedelta(minutes=1))
        download(timedelta(minutes=2))

        access.reset_downloads(access_id=NoteAccess.objects.get().pk)

        left = NoteAccess.objects.get()
        assert (left.downloads, left.first_downloaded_at) == (0, now + timedelta(minutes=1))
        assert access.unread([reference]) == set()

    def test_of_a_time_before_it_was_noted_is_not_forgotten(self, reference, now):
        NoteAccess.objects.update(downloads=3)

        access.reset_downloads(access_id=NoteAccess.objects.get().pk)

        assert NoteAccess.objects.get().first_downloaded_at == now

    def test_is_none_after_the_reset_of_what_nobody_read(self, reference):
        access.reset_downloads(access_id=NoteAccess.objects.get().pk)

        assert access.unread([reference]) == {reference}
        with transaction.atomic():
            assert access.hold_unread(references=[reference]) == {reference}
