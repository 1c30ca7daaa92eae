"""What the database itself refuses, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from notes.models import Note, NoteAccess, NoteFile
from notes.states import NoteState
from notes.tests.factories import make_note
from notevault.accounts.models import User


def refused_by(constraint: str, write: Callable[[], Any]) -> None:
    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        write()


def column(note: Note, name: str) -> Any:
    return Note.objects.values_list(name, flat=True).get(pk=note.pk)


class TestAPrice:
    @pytest.mark.parametrize("paise", [1, 50, 99, 1_000_001])
    def test_outside_of_the_range_is_refused(self, note: Note, paise: int) -> None:
        refused_by(
            "note_price_allowed",
            lambda: Note.objects.filter(pk=note.pk).update(price_paise=paise),
        )

        assert column(note, "price_paise") == 9900

    @pytest.mark.parametrize("paise", [0, 100, 1_000_000])
    def test_at_the_edges_of_the_range_is_kept(self, note: Note, paise: int) -> None:
        Note.objects.filter(pk=note.pk).update(price_paise=paise)

        assert column(note, "price_paise") == paise


class TestAPublishedNote:
    @pytest.mark.parametrize(
        "missing",
        [{"file": None}, {"published_file": None}, {"page_count": 0}, {"published_at": None}],
        ids=lambda missing: next(iter(missing)),
    )
    def test_is_never_without_its_parts(self, note: Note, missing: dict[str, Any]) -> None:
        refused_by(
            "note_published_is_whole", lambda: Note.objects.filter(pk=note.pk).update(**missing)
        )

        assert column(note, "file_id") == note.file_id

    def test_is_read_in_the_version_it_shows(
        self, note: Note, stranger: User, now: datetime
    ) -> None:
        other = make_note(seller=stranger)

        refused_by(
            "note_published_is_whole",
            lambda: Note.objects.filter(pk=note.pk).update(published_file=other.file),
        )

        assert column(note, "published_file_id") == note.file_id

    def test_is_not_made_from_a_draft_without_a_file(self, seller: User, now: datetime) -> None:
        draft = make_note(seller=seller, state=NoteState.DRAFT)
        Note.objects.filter(pk=draft.pk).update(file=None)

        refused_by(
            "note_published_is_whole",
            lambda: Note.objects.filter(pk=draft.pk).update(
                state=NoteState.PUBLISHED, published_at=now
            ),
        )

        assert column(draft, "state") == NoteState.DRAFT

    @pytest.mark.parametrize(
        "state", [state for state in NoteState if state != NoteState.PUBLISHED]
    )
    def test_alone_needs_a_file(self, seller: User, state: NoteState) -> None:
        other = make_note(seller=seller, state=state)

        Note.objects.filter(pk=other.pk).update(file=None, page_count=0, published_at=None)

        assert column(other, "file_id") is None


class TestAStoredFile:
    def test_has_a_name_of_its_own(self, note: Note, now: datetime) -> None:
        refused_by(
            "notes_notefile_storage_name_key",
            lambda: NoteFile.objects.create(
                note=note,
                storage_name=note.file.storage_name,
                sha256="1" * 64,
                size_bytes=1,
                page_count=1,
                created_at=now,
            ),
        )

        assert NoteFile.objects.count() == 1


class TestAnAccess:
    def test_is_the_only_live_one_of_its_buyer_and_note(
        self, note: Note, buyer: User, stranger: User, now: datetime
    ) -> None:
        def grant(to: User) -> NoteAccess:
            return NoteAccess.objects.create(note=note, buyer=to, reference=uuid4(), granted_at=now)

        first = grant(buyer)
        grant(stranger)

        refused_by("one_live_access_per_buyer_and_note", lambda: grant(buyer))

        assert list(NoteAccess.objects.filter(buyer=buyer)) == [first]
        NoteAccess.objects.filter(pk=first.pk).update(revoked_at=now)
        assert grant(buyer).pk != first.pk

    def test_is_granted_once_for_a_reference(
        self, note: Note, buyer: User, stranger: User, now: datetime
    ) -> None:
        reference = uuid4()
        NoteAccess.objects.create(note=note, buyer=buyer, reference=reference, granted_at=now)

        refused_by(
            "notes_noteaccess_reference_key",
            lambda: NoteAccess.objects.create(
                note=note, buyer=stranger, reference=reference, granted_at=now
            ),
        )

        assert NoteAccess.objects.get().buyer_id == buyer.pk

    @pytest.mark.parametrize(
        ("constraint", "change"),
        [
            ("downloads_within_limit", {"downloads": 21}),
            ("revoked_after_granted", {"revoked_at": timedelta(seconds=-1)}),
        ],
        ids=["of 20 downloads", "of an end after its beginning"],
    )
    def test_stays_within_its_limits(
        self, note: Note, buyer: User, now: datetime, constraint: str, change: dict[str, Any]
    ) -> None:
        access = NoteAccess.objects.create(
            note=note, buyer=buyer, reference=uuid4(), granted_at=now, downloads=20
        )
        values = {k: now + v if isinstance(v, timedelta) else v for k, v in change.items()}

        refused_by(constraint, lambda: NoteAccess.objects.filter(pk=access.pk).update(**values))

        access.refresh_from_db()
        assert (access.downloads, access.revoked_at) == (20, None)
