"""The storage contract, on the local file system and on Cloudinary's SDK over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import cloudinary as sdk
import pytest
import requests
import urllib3
from django.core import signing
from django.core.files.base import ContentFile
from django.test import Client

from notes.storage import cloudinary as adapter
from notes.storage import note_storage
from notes.storage.cloudinary import CloudinaryNoteStorage
from notes.storage.local import LinkExpired, LocalNoteStorage, content_disposition
from notes.storage.port import NoteStorage, StorageUnavailable
from notes.tests.cloudinary_stand_in import (
    API_KEY,
    API_SECRET,
    CLOUD_NAME,
    CloudinaryStandIn,
    running_stand_in,
)
from notes.tests.pdfs import small_pdf

NAME = "notes/0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f/0198f0c2-aaaa-7c55-8f0e-6a2b9c3d4e5f.pdf"
OTHER = NAME.replace("aaaa", "bbbb")
FILENAME = "Operating Systems.pdf"
PDF = small_pdf()
# A call of Cloudinary's asks the circuit breaker's row first.
pytestmark = pytest.mark.django_db
OTHER_PDF = small_pdf(pages=1, text="Not the one that was bought")


@dataclass
class Shelf:
    """A store and the hands of whoever holds one of its links.

    `fetch` gives what a link serves at a time, or None; `forge` points a link at another file.
    """

    store: NoteStorage
    fetch: Callable[[str, datetime], bytes | None]
    forge: Callable[[str, str], str]


@pytest.fixture
def far_side() -> Iterator[CloudinaryStandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def cloudinary(far_side: CloudinaryStandIn, settings: Any) -> CloudinaryNoteStorage:
    settings.CLOUDINARY_CLOUD_NAME = CLOUD_NAME
    settings.CLOUDINARY_API_KEY = API_KEY
    settings.CLOUDINARY_API_SECRET = API_SECRET
    settings.CLOUDINARY_UPLOAD_PREFIX = far_side.url
    return CloudinaryNoteStorage()


@pytest.fixture
def local(settings: Any, tmp_path: Path) -> LocalNoteStorage:
    settings.MEDIA_ROOT = tmp_path / "files"
    return LocalNoteStorage()


@pytest.fixture(params=["local", "cloudinary"])
def shelf(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    if request.param == "local":
        return _local_shelf(request.getfixturevalue("local"), monkeypatch)
    far_side = request.getfixturevalue("far_side")
    return _cloudinary_shelf(request.getfixturevalue("cloudinary"), far_side)


def _local_shelf(store: LocalNoteStorage, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    def fetch(url: str, at: datetime) -> bytes | None:
        monkeypatch.setattr("notes.views.clock.now", lambda: at)
        response = Client().get(urlsplit(url).path)
        return b"".join(response) if response.status_code == 200 else None

    def forge(url: str, name: str) -> str:
        head, _, token = url.rpartition("/")
        payload, _, signature = token.partition(":")
        stated = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        forged = urlsafe_b64encode(
            json.dumps([name, *stated[1:]], separators=(",", ":")).encode()
        ).decode()
        return f"{head}/{forged.rstrip('=')}:{signature}"

    return Shelf(store, fetch, forge)


def _cloudinary_shelf(store: CloudinaryNoteStorage, far_side: CloudinaryStandIn) -> Shelf:
    def fetch(url: str, at: datetime) -> bytes | None:
        far_side.clock = at.timestamp
        reply = requests.get(url, timeout=5)
        return reply.content if reply.status_code == 200 else None

    def forge(url: str, name: str) -> str:
        parts = urlsplit(url)
        query = {**dict(parse_qsl(parts.query)), "public_id": name.removesuffix(".pdf")}
        return urlunsplit(parts._replace(query=urlencode(query)))

    return Shelf(store, fetch, forge)


def read(store: NoteStorage, name: str) -> bytes:
    with store.open(name) as file:
        return file.read()


class TestEveryStore:
    def test_gives_back_the_bytes_it_was_given(self, shelf: Shelf) -> None:
        saved_as = shelf.store.save(NAME, ContentFile(PDF))

        assert saved_as == NAME
        assert read(shelf.store, NAME) == PDF

    def test_stores_a_file_whole_though_it_was_read_to_its_end_before(self, shelf: Shelf) -> None:
        content = ContentFile(PDF)
        content.read()

        shelf.store.save(NAME, content)

        assert read(shelf.store, NAME) == PDF

    def test_keeps_the_first_bytes_under_a_name(self, shelf: Shelf) -> None:
        shelf.store.save(NAME, ContentFile(PDF))

        with pytest.raises(FileExistsError):
            shelf.store.save(NAME, ContentFile(OTHER_PDF))

        assert read(shelf.store, NAME) == PDF

    def test_knows_what_it_holds(self, shelf: Shelf) -> None:
        before = shelf.store.exists(NAME)

        shelf.store.save(NAME, ContentFile(PDF))

        assert (before, shelf.store.exists(NAME), shelf.store.exists(OTHER)) == (False, True, False)

    def test_forgets_what_is_deleted_and_nothing_else(self, shelf: Shelf) -> None:
        shelf.store.save(NAME, ContentFile(PDF))
        shelf.store.save(OTHER, ContentFile(OTHER_PDF))

        shelf.store.delete(NAME)

        assert (shelf.store.exists(NAME), shelf.store.exists(OTHER)) == (False, True)
        with pytest.raises(FileNotFoundError):
            shelf.store.open(NAME)

    def test_deletes_what_is_not_there_without_a_word(self, shelf: Shelf) -> None:
        shelf.store.save(NAME, ContentFile(PDF))
        shelf.store.delete(NAME)

        shelf.store.delete(NAME)

        assert not shelf.store.exists(NAME)

    def test_opens_nothing_where_nothing_was_stored(self, shelf: Shelf) -> None:
        with pytest.raises(FileNotFoundError):
            shelf.store.open(NAME)

    def test_gives_a_link_that_serves_the_file_until_it_expires(
        self, shelf: Shelf, now: datetime
    ) -> None:
        shelf.store.save(NAME, ContentFile(PDF))
        later = now + timedelta(minutes=10)

        url = shelf.store.download_url(NAME, filename=FILENAME, expires_at=later)

        assert shelf.fetch(url, now) == PDF
        assert shelf.fetch(url, later - timedelta(seconds=1)) == PDF
        assert shelf.fetch(url, later) is None
        assert shelf.fetch(url, later + timedelta(days=1)) is None

    def test_gives_a_link_to_that_file_alone(self, shelf: Shelf, now: datetime) -> None:
        shelf.store.save(NAME, ContentFile(PDF))
        shelf.store.save(OTHER, ContentFile(OTHER_PDF))
        url = shelf.store.download_url(
            NAME, filename=FILENAME, expires_at=now + timedelta(minutes=10)
        )

        forged = shelf.forge(url, OTHER)

        assert shelf.fetch(shelf.forge(url, NAME), now) == PDF  # forging itself breaks nothing
        assert shelf.fetch(forged, now) is None

    def test_gives_a_link_that_dies_with_its_file(self, shelf: Shelf, now: datetime) -> None:
        shelf.store.save(NAME, ContentFile(PDF))
        url = shelf.store.download_url(
            NAME, filename=FILENAME, expires_at=now + timedelta(minutes=10)
        )

        shelf.store.delete(NAME)

        assert shelf.fetch(url, now) is None

    def test_asks_no_network_for_a_link(
        self, shelf: Shelf, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise AssertionError("a link asked the network")

        shelf.store.save(NAME, ContentFile(PDF))
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "sendall", refuse)

        url = shelf.store.download_url(NAME, filename=FILENAME, expires_at=now)

        assert url.startswith("http")


class TestCloudinary:
    def test_holds_notes_as_authenticated_images(
        self, cloudinary: CloudinaryNoteStorage, far_side: CloudinaryStandIn
    ) -> None:
        cloudinary.save(NAME, ContentFile(PDF))

        assert far_side.assets == {("image", "authenticated", NAME.removesuffix(".pdf")): PDF}

    def test_refuses_whoever_signs_with_another_secret(
        self, cloudinary: CloudinaryNoteStorage, far_side: CloudinaryStandIn, settings: Any
    ) -> None:
        cloudinary.save(NAME, ContentFile(PDF))
        settings.CLOUDINARY_API_SECRET = "guessed"

        for action in (
            lambda: cloudinary.save(OTHER, ContentFile(PDF)),
            lambda: cloudinary.open(NAME),
            lambda: cloudinary.exists(NAME),
            lambda: cloudinary.delete(NAME),
        ):
            with pytest.raises(StorageUnavailable):
                action()

        assert len(far_side.assets) == 1

    def test_links_are_secure_downloads_of_an_authenticated_pdf(
        self, cloudinary: CloudinaryNoteStorage, settings: Any, now: datetime
    ) -> None:
        settings.CLOUDINARY_UPLOAD_PREFIX = "https://api.cloudinary.com"

        link = urlsplit(cloudinary.download_url(NAME, filename=FILENAME, expires_at=now))

        stated = {name: values[0] for name, values in parse_qs(link.query).items()}
        assert (link.scheme, link.netloc) == ("https", "api.cloudinary.com")
        assert link.path == f"/v1_1/{CLOUD_NAME}/image/download"
        assert stated["public_id"] == NAME.removesuffix(".pdf")
        assert (stated["type"], stated["format"], stated["attachment"]) == (
            "authenticated",
            "pdf",
            "1",
        )
        assert stated["expires_at"] == str(int(now.timestamp()))
        assert API_SECRET not in link.query

    def test_credentials_are_no_setting_of_the_process(
        self, cloudinary: CloudinaryNoteStorage
    ) -> None:
        cloudinary.save(NAME, ContentFile(PDF))

        assert (sdk.config().cloud_name, sdk.config().api_secret) == (None, None)


Action = Callable[[CloudinaryNoteStorage], object]
ACTIONS: dict[str, Action] = {
    "save": lambda store: store.save(NAME, ContentFile(PDF)),
    "open": lambda store: store.open(NAME),
    "exists": lambda store: store.exists(NAME),
    "delete": lambda store: store.delete(NAME),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
class TestACloudinaryThatFails:
    @pytest.mark.parametrize("status", [420, 429, 500, 502, 503])
    def test_is_unavailable_when_it_says_so(
        self,
        cloudinary: CloudinaryNoteStorage,
        far_side: CloudinaryStandIn,
        action: Action,
        status: int,
    ) -> None:
        far_side.fail_with(status)

        with pytest.raises(StorageUnavailable):
            action(cloudinary)

        assert far_side.assets == {}

    def test_is_unavailable_when_a_proxy_answers_for_it(
        self, cloudinary: CloudinaryNoteStorage, far_side: CloudinaryStandIn, action: Action
    ) -> None:
        far_side.fail_with(504, b"<html>Gateway time-out</html>")

        with pytest.raises(StorageUnavailable):
            action(cloudinary)

    def test_is_unavailable_when_nobody_listens(
        self, cloudinary: CloudinaryNoteStorage, settings: Any, action: Action
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, yet listening to nobody
            settings.CLOUDINARY_UPLOAD_PREFIX = f"http://127.0.0.1:{taken.getsockname()[1]}"

            with pytest.raises(StorageUnavailable):
                action(cloudinary)

    def test_is_unavailable_after_one_time_out_when_it_hangs(
        self,
        cloudinary: CloudinaryNoteStorage,
        far_side: CloudinaryStandIn,
        monkeypatch: pytest.MonkeyPatch,
        action: Action,
    ) -> None:
        soon = urllib3.Timeout(connect=0.5, read=0.5)
        monkeypatch.setattr(adapter, "CALL_TIMEOUT", soon)
        monkeypatch.setattr(adapter, "UPLOAD_TIMEOUT", soon)
        far_side.hang()
        started = time.monotonic()

        with pytest.raises(StorageUnavailable):
            action(cloudinary)

        assert 0.5 <= time.monotonic() - started < 1.5
        assert len(far_side.calls) == 1


class TestTheTimeOuts:
    def test_give_an_upload_longer_than_any_other_call(self) -> None:
        assert (adapter.CALL_TIMEOUT.connect_timeout, adapter.CALL_TIMEOUT.total) == (2, 5)
        upload = adapter.UPLOAD_TIMEOUT
        assert (upload.connect_timeout, upload.read_timeout) == (2, 20)

    def test_leave_a_store_that_takes_seconds_over_an_upload_its_time(
        self,
        cloudinary: CloudinaryNoteStorage,
        far_side: CloudinaryStandIn,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(adapter, "CALL_TIMEOUT", urllib3.Timeout(connect=2, read=1))
        far_side.answer_after_s = 2.3  # longer than it may take to connect

        cloudinary.save(NAME, ContentFile(PDF))

        assert list(far_side.assets.values()) == [PDF]


class TestTheLocalStore:
    def test_never_renames_a_file_that_another_process_stored_in_between(
        self, local: LocalNoteStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        local.save(NAME, ContentFile(PDF))
        looks = iter([lambda _: False])  # the other process had not stored it yet
        there = local.exists
        monkeypatch.setattr(local, "exists", lambda name: next(looks, there)(name))

        with pytest.raises(FileExistsError):
            local.save(NAME, ContentFile(OTHER_PDF))

        assert [path.name for path in Path(local.path(NAME)).parent.iterdir()] == [Path(NAME).name]
        assert read(local, NAME) == PDF

    @pytest.mark.parametrize(
        "token",
        ["", ":", "a:b:c", "निशान", "x" * 3000, "." + "A" * 40 + ":1vN3:c2lnbmF0dXJl"],
        ids=["empty", "colon", "no base64", "not ascii", "long", "claims to be packed"],
    )
    def test_opens_no_link_it_did_not_make(
        self, local: LocalNoteStorage, token: str, now: datetime
    ) -> None:
        local.save(NAME, ContentFile(PDF))

        with pytest.raises(LinkExpired):
            local.open_link(token, now=now)

    def test_opens_no_token_signed_for_something_else(
        self, local: LocalNoteStorage, now: datetime
    ) -> None:
        local.save(NAME, ContentFile(PDF))
        expires = int(now.timestamp()) + 600
        token = signing.dumps([NAME, FILENAME, expires], salt="notes.something-else")

        with pytest.raises(LinkExpired):
            local.open_link(token, now=now)


class TestTheNameOfADownload:
    @pytest.mark.parametrize(
        ("filename", "header"),
        [
            ("Unit 2.pdf", "filename=\"Unit_2.pdf\"; filename*=UTF-8''Unit%202.pdf"),
            (
                "भौतिकी.pdf",
                "filename=\"______.pdf\"; filename*=UTF-8''"
                "%E0%A4%AD%E0%A5%8C%E0%A4%A4%E0%A4%BF%E0%A4%95%E0%A5%80.pdf",
            ),
            (
                'a"; x=\r\nSet-Cookie: b/../c',
                "filename=\"a___x___Set-Cookie__b_.._c\"; filename*=UTF-8''"
                "a%22%3B%20x%3D%0D%0ASet-Cookie%3A%20b%2F..%2Fc",
            ),
        ],
        ids=["plain", "hindi", "hostile"],
    )
    def test_is_safe_in_a_header(self, filename: str, header: str) -> None:
        assert content_disposition(filename) == f"attachment; {header}"


class TestTheStoreIsChosenBySettings:
    @pytest.mark.parametrize(
        ("given", "chosen"),
        [
            (("CLOUD_NAME", "API_KEY", "API_SECRET"), "CloudinaryNoteStorage"),
            (("CLOUD_NAME", "API_KEY"), "LocalNoteStorage"),
        ],
        ids=["all of Cloudinary's keys", "a key is missing"],
    )
    def test_by_the_environment(self, given: tuple[str, ...], chosen: str, tmp_path: Path) -> None:
        script = (
            "import django; django.setup();"
            "from notes.storage import note_storage as s; print(type(s()).__name__);"
            "print(s().download_url('notes/a/b.pdf', filename='b.pdf', expires_at=__import__("
            "'datetime').datetime(2026, 11, 23)) if 'Cloud' in type(s()).__name__ else '')"
        )
        environment = {
            "DJANGO_SETTINGS_MODULE": "notevault.settings.base",
            "DJANGO_READ_DOT_ENV": "false",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "DATA_DIR": str(tmp_path),
            "PATH": os.environ["PATH"],
            **{f"CLOUDINARY_{key}": f"my-{key.lower()}" for key in given},
        }

        run = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True
        )

        name, link = (run.stdout + "\n").splitlines()[:2]
        assert (name, run.stderr) == (chosen, "")
        assert link.startswith("https://api.cloudinary.com/v1_1/my-cloud_name/") == (
            chosen == "CloudinaryNoteStorage"
        )

    def test_through_one_door(self, settings: Any) -> None:
        settings.STORAGES = {
            **settings.STORAGES,
            "notes": {"BACKEND": "notes.storage.cloudinary.CloudinaryNoteStorage"},
        }

        assert isinstance(note_storage(), CloudinaryNoteStorage)
