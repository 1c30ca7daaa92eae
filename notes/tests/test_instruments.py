"""What is counted of downloads."""

from __future__ import annotations

import pytest
from django.core.files.base import ContentFile

from notes.access import DownloadLimitReached, download_link, grant_accesses
from notes.models import MAX_DOWNLOADS, NoteAccess
from notes.selectors import NoteNotFound
from notes.storage import note_storage
from notevault.kit.ids import uuid7
from ops.metrics.tests.counting import Since

pytestmark = pytest.mark.django_db


class TestADownload:
    def test_is_counted_by_what_the_caller_was_told(self, note, buyer, stranger, now):
        note_storage().save(note.file.storage_name, ContentFile(b"%PDF"))
        grant_accesses(buyer_id=buyer.pk, references={note.pk: uuid7()}, now=now)
        since = Since()

        download_link(note_id=note.pk, buyer_id=buyer.pk, now=now)
        with pytest.raises(NoteNotFound):
            download_link(note_id=note.pk, buyer_id=stranger.pk, now=now)
        NoteAccess.objects.update(downloads=MAX_DOWNLOADS)
        with pytest.raises(DownloadLimitReached):
            download_link(note_id=note.pk, buyer_id=buyer.pk, now=now)

        assert since.grown("downloads_total") == {
            ("given",): 1,
            ("not_found",): 1,
            ("download_limit_reached",): 1,
        }
