"""Whether files can be stored."""

from __future__ import annotations

import pytest
from django.core.files.storage import storages
from health_check.exceptions import ServiceUnavailable

from notes.health import Storage
from notes.storage.cloudinary import CloudinaryNoteStorage
from notes.storage.local import LocalNoteStorage


class TestStorage:
    @pytest.fixture
    def local(self, tmp_path, monkeypatch):
        folder = tmp_path / "files"
        monkeypatch.setitem(storages._storages, "notes", LocalNoteStorage(location=folder))
        return folder

    def test_that_is_local_is_written_to_and_left_as_it_was(self, local):
        check = Storage()

        check.run()

        assert check.details == {"store": "local"}
        assert [path for path in local.rglob("*") if path.is_file()] == []

    def test_that_cannot_be_written_is_unhealthy(self, local):
        local.write_text("a file where the folder should be")

        with pytest.raises(ServiceUnavailable):
            Storage().run()

    def test_far_away_is_not_asked(self, monkeypatch):
        monkeypatch.setitem(storages._storages, "notes", CloudinaryNoteStorage())
        check = Storage()

        check.run()  # a call would be a socket to the world, which tests may not open

        assert check.details == {"store": "cloudinary"}
