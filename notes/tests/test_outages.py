"""The file store away, or the disk full: nothing is half-published, no access is lost."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.db import connection
from rest_framework.test import APIClient

from notes.access import grant_accesses
from notes.models import Note, NoteAccess, NoteFile
from notes.states import NoteState
from notes.storage import note_storage
from notes.storage.cloudinary import CloudinaryNoteStorage
from notes.storage.local import LocalNoteStorage
from notes.storage.port import StorageUnavailable
from notes.tests.cloudinary_stand_in import (
    API_KEY,
    API_SECRET,
    CLOUD_NAME,
    CloudinaryStandIn,
    running_stand_in,
)
from notes.tests.factories import make_note
from notes.tests.pdfs import small_pdf
from notevault.accounts.models import User

pytestmark = pytest.mark.django_db

API = "/api/v1"
PDF = small_pdf()

ClientOf = Callable[[User], APIClient]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def cloudinary(settings: Any) -> Iterator[CloudinaryStandIn]:
    with running_stand_in() as stand_in:
        settings.CLOUDINARY_CLOUD_NAME = CLOUD_NAME
        settings.CLOUDINARY_API_KEY = API_KEY
        settings.CLOUDINARY_API_SECRET = API_SECRET
        settings.CLOUDINARY_UPLOAD_PREFIX = stand_in.url
        settings.STORAGES = {
            **settings.STORAGES,
            "notes": {"BACKEND": "notes.storage.cloudinary.CloudinaryNoteStorage"},
        }
        yield stand_in


@pytest.fixture
def draft(seller: User) -> Note:
    """Without a file yet."""
    note = make_note(seller=seller, state=NoteState.DRAFT)
    Note.objects.update(file=None, page_count=0)
    NoteFile.objects.all().delete()
    note.refresh_from_db()
    return note


@pytest.fixture
def bought(note: Note, buyer: User, now: datetime) -> Note:
    grant_accesses(buyer_id=buyer.pk, references={note.pk: uuid4()}, now=now)
    return note


@pytest.fixture
def an_hour_later(run_jobs: Callable[[], list[str]]) -> Callable[[], list[str]]:
    def run() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        return run_jobs()

    return run


def upload(client: APIClient, note: Note) -> Any:
    parts = {"file": SimpleUploadedFile("unit 2.pdf", PDF, "application/pdf")}
    return client.post(f"{API}/notes/{note.pk}/file", parts, format="multipart")


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def is_untouched(draft: Note) -> bool:
    before = (draft.state, draft.file_id, draft.page_count)
    return Note.objects.values_list("state", "file_id", "page_count").get(pk=draft.pk) == before


class TestCloudinaryDownAtUpload:
    def test_leaves_the_draft_as_it_was_and_what_was_begun_is_cleaned_up(
        self,
        cloudinary: CloudinaryStandIn,
        draft: Note,
        client_of: ClientOf,
        an_hour_later: Callable[[], list[str]],
    ) -> None:
        selling = client_of(draft.seller)
        cloudinary.fail_with(503)

        refused = upload(selling, draft)
        cloudinary.failure = None
        submitted = selling.post(f"{API}/notes/{draft.pk}/submit")
        ran = an_hour_later()

        assert refusal(refused) == (503, "storage_unavailable")
        assert refused["Retry-After"] == "1"
        assert refusal(submitted) == (409, "note_has_no_file")
        assert is_untouched(draft)
        assert ran == ["notes.tasks.remove_unused_file"]
        assert NoteFile.objects.get().removed_at is not None
        assert cloudinary.assets == {}

    def test_is_over_with_the_next_try(
        self, cloudinary: CloudinaryStandIn, draft: Note, client_of: ClientOf
    ) -> None:
        cloudinary.fail_with(503)
        upload(client_of(draft.seller), draft)
        cloudinary.failure = None

        assert upload(client_of(draft.seller), draft).status_code == 200

        draft.refresh_from_db()
        assert draft.file is not None
        assert list(cloudinary.assets.values()) == [PDF]


class TestCloudinaryDownAtDownload:
    def test_keeps_nobody_from_a_link_that_works_once_it_is_back(
        self, cloudinary: CloudinaryStandIn, bought: Note, buyer: User, client_of: ClientOf
    ) -> None:
        note_storage().save(bought.file.storage_name, ContentFile(PDF))
        cloudinary.fail_with(503)

        asked = client_of(buyer).post(f"{API}/library/{bought.pk}/download")
        while_down = requests.get(asked.json()["url"], timeout=5).status_code
        cloudinary.failure = None

        assert (asked.status_code, while_down) == (200, 503)
        assert requests.get(asked.json()["url"], timeout=5).content == PDF

    def test_is_a_503_that_keeps_access_and_downloads_when_no_link_can_be_made(
        self,
        cloudinary: CloudinaryStandIn,
        bought: Note,
        buyer: User,
        client_of: ClientOf,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def away(*_: Any, **__: Any) -> str:
            raise StorageUnavailable

        with monkeypatch.context() as patch:
            patch.setattr(CloudinaryNoteStorage, "download_url", away)
            refused = client_of(buyer).post(f"{API}/library/{bought.pk}/download")

        assert refusal(refused) == (503, "storage_unavailable")
        assert refused["Retry-After"] == "1"
        access = NoteAccess.objects.get()
        assert (access.revoked_at, access.downloads) == (None, 0)
        again = client_of(buyer).post(f"{API}/library/{bought.pk}/download")
        assert (again.status_code, again.json()["downloads_left"]) == (200, 19)


class TestADiskThatIsFullAtUpload:
    @pytest.mark.parametrize(
        ("where", "method"),
        [
            (TemporaryFileUploadHandler, "receive_data_chunk"),
            (LocalNoteStorage, "_save"),
        ],
        ids=["while the file arrives", "while it is stored"],
    )
    def test_is_no_success_and_leaves_the_draft_as_it_was(
        self,
        draft: Note,
        files: Path,
        client_of: ClientOf,
        monkeypatch: pytest.MonkeyPatch,
        an_hour_later: Callable[[], list[str]],
        where: type,
        method: str,
    ) -> None:
        def no_space(whose: Any, *_: Any, **__: Any) -> None:
            if isinstance(whose, TemporaryFileUploadHandler):
                whose.file.close()  # else Python warns of it whenever it is collected
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(where, method, no_space)
            refused = upload(client_of(draft.seller), draft)

        assert refusal(refused) == (500, "internal_error")
        assert is_untouched(draft)
        an_hour_later()
        assert NoteFile.objects.filter(removed_at=None).count() == 0
        assert [path for path in files.rglob("*") if path.is_file()] == []
        assert upload(client_of(draft.seller), draft).status_code == 200
