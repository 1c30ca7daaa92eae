"""The clean-up of stored files, run from the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from procrastinate.contrib.django import app

from notes.models import Note, NoteFile
from notes.storage import note_storage
from notes.storage.local import LocalNoteStorage
from notes.storage.port import StorageUnavailable
from notevault.tests.plugin import NOW
from ops import jobs

TASK = "notes.tasks.remove_unused_file"
RunJobs = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def unused(note: Note) -> NoteFile:
    """Stored, and no note points at it."""
    file = NoteFile.objects.create(
        note=note,
        storage_name=f"notes/{note.pk}/unused.pdf",
        sha256="0" * 64,
        size_bytes=3,
        page_count=1,
        created_at=NOW - timedelta(hours=1),
    )
    note_storage().save(file.storage_name, ContentFile(b"old"))
    return file


class TestTheCleanUpOfAFile:
    def test_removes_one_that_no_note_points_at(self, unused: NoteFile, run_jobs: RunJobs) -> None:
        jobs.defer(TASK, file_id=str(unused.pk))

        ran = run_jobs()

        unused.refresh_from_db()
        assert (ran, unused.removed_at) == ([TASK], NOW)
        assert not note_storage().exists(unused.storage_name)

    @pytest.mark.parametrize("held_as", ["file", "published_file"])
    def test_leaves_the_file_that_a_seller_or_a_buyer_holds(
        self, held_as: str, note: Note, unused: NoteFile, run_jobs: RunJobs
    ) -> None:
        Note.objects.update(state="withdrawn", file=None, published_file=None)
        Note.objects.update(**{held_as: unused})
        jobs.defer(TASK, file_id=str(unused.pk))

        ran = run_jobs()

        unused.refresh_from_db()
        assert (ran, unused.removed_at) == ([TASK], None)
        assert note_storage().exists(unused.storage_name)

    def test_may_be_repeated(
        self, unused: NoteFile, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deleted: list[str] = []
        monkeypatch.setattr(LocalNoteStorage, "delete", lambda _, name: deleted.append(name))
        for _ in range(2):
            jobs.defer(TASK, file_id=str(unused.pk))

        ran = run_jobs()

        assert (ran, deleted) == ([TASK, TASK], [unused.storage_name])

    def test_removes_a_row_whose_file_was_never_stored(
        self, unused: NoteFile, run_jobs: RunJobs
    ) -> None:
        note_storage().delete(unused.storage_name)
        jobs.defer(TASK, file_id=str(unused.pk))

        run_jobs()

        unused.refresh_from_db()
        assert unused.removed_at == NOW

    def test_is_tried_again_while_the_store_is_away(
        self, unused: NoteFile, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: Any) -> None:
            raise StorageUnavailable

        jobs.defer(TASK, file_id=str(unused.pk))
        with monkeypatch.context() as patch, pytest.raises(StorageUnavailable):
            patch.setattr(LocalNoteStorage, "delete", away)
            run_jobs()
        unused.refresh_from_db()
        before = unused.removed_at

        ran = run_jobs()

        unused.refresh_from_db()
        assert (before, ran, unused.removed_at) == (None, [TASK], NOW)

    def test_waits_with_the_files(self) -> None:
        task = app.tasks[TASK]

        assert (task.queue, task.retry_strategy) == ("files", jobs.Retries())
