"""What the doctor says of the file store."""

from __future__ import annotations

import pytest
from django.core.files.storage import storages

from notes import doctor
from notes.storage.cloudinary import CloudinaryNoteStorage
from notes.storage.local import LocalNoteStorage
from notes.tests.cloudinary_stand_in import API_KEY, API_SECRET, CLOUD_NAME, running_stand_in
from notevault.kit import clock
from ops.doctor.finding import Level, Visit


def visit(*, is_production=False, online=False):
    return Visit(now=clock.now(), is_production=is_production, online=online)


def ill(findings):
    found = [finding for finding in findings if finding.level != Level.OK]
    assert all(finding.remedy for finding in found)
    return [finding.what for finding in found]


class TestLocalFiles:
    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        folder = tmp_path / "files"
        monkeypatch.setitem(storages._storages, "notes", LocalNoteStorage(location=folder))
        return folder

    def test_are_well_while_developing_and_leave_nothing_behind(self, folder):
        assert ill(doctor.examine(visit())) == []
        assert [path for path in folder.rglob("*") if path.is_file()] == []

    def test_are_not_for_production(self, folder):
        assert ill(doctor.examine(visit(is_production=True))) == [
            "Files are kept on this machine's disk: other pods do not see them."
        ]

    def test_that_cannot_be_written_are_told(self, folder):
        folder.write_text("a file where the folder should be")

        [what] = ill(doctor.examine(visit()))

        assert what.startswith("No file can be stored: ")


@pytest.mark.django_db(transaction=True)
class TestCloudinary:
    @pytest.fixture
    def far_side(self, settings, monkeypatch):
        settings.CLOUDINARY_CLOUD_NAME = CLOUD_NAME
        settings.CLOUDINARY_API_KEY = API_KEY
        settings.CLOUDINARY_API_SECRET = API_SECRET
        monkeypatch.setitem(storages._storages, "notes", CloudinaryNoteStorage())
        with running_stand_in() as stand_in:
            settings.CLOUDINARY_UPLOAD_PREFIX = stand_in.url
            yield stand_in

    def test_is_not_asked_unless_it_is_wanted(self, far_side):
        assert ill(doctor.examine(visit(is_production=True))) == []
        assert far_side.calls == []

    def test_that_stores_and_delivers_is_well(self, far_side):
        assert ill(doctor.examine(visit(is_production=True, online=True))) == []
        assert far_side.assets == {}

    def test_that_delivers_no_pdf_names_the_switch(self, far_side):
        far_side.delivers_pdf = False

        findings = list(doctor.examine(visit(is_production=True, online=True)))

        assert ill(findings) == ["Cloudinary stores PDFs and does not hand them out (401)."]
        assert "Allow delivery of PDF and ZIP files" in findings[0].remedy
        assert far_side.assets == {}

    def test_that_fails_is_told(self, far_side):
        far_side.fail_with(503)

        [what] = ill(doctor.examine(visit(is_production=True, online=True)))

        assert what.startswith("No file can be stored: ")
