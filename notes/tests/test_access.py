"""Who may read what: grants that hold in a race, and links that die in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Lock, Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.core import signing
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.test import Client

from notes import access, services
from notes.access import DownloadLimitReached, download_link, grant_accesses
from notes.models import Note, NoteAccess
from notes.selectors import NoteNotFound, list_library
from notes.states import NoteState
from notes.storage import note_storage
from notes.storage.local import SALT
from notes.tests.factories import make_note
from notes.tests.pdfs import small_pdf
from notevault.accounts.models import User

PDF = small_pdf()
HINDI = "भौतिकी: गति"


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def bought(note: Note, buyer: User, now: datetime) -> Note:
    """A note with its bytes, in the buyer's library."""
    note_storage().save(note.file.storage_name, ContentFile(PDF))
    grant(buyer, note, now=now)
    return note


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, datetime], Any]:
    """What a link answers at a time."""

    def get(url: str, moment: datetime) -> Any:
        monkeypatch.setattr("notes.views.clock.now", lambda: moment)
        return Client().get(urlsplit(url).path)

    return get


def grant(buyer: User, *notes: Note, now: datetime) -> set[UUID]:
    references = {note.pk: uuid4() for note in notes}
    with transaction.atomic():
        return grant_accesses(buyer_id=buyer.pk, references=references, now=now)


def sales(*notes: Note) -> list[int]:
    return [Note.objects.get(pk=note.pk).sales_count for note in notes]


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


class TestAGrant:
    def test_is_one_live_access_and_one_sale(self, note: Note, buyer: User, now: datetime) -> None:
        reference = uuid4()

        with transaction.atomic():
            granted = grant_accesses(buyer_id=buyer.pk, references={note.pk: reference}, now=now)

        left = NoteAccess.objects.values().get()
        assert granted == {note.pk}
        assert {k: v for k, v in left.items() if k != "id"} == {
            "note_id": note.pk,
            "buyer_id": buyer.pk,
            "reference": reference,
            "granted_at": now,
            "revoked_at": None,
            "revoked_why": "",
            "downloads": 0,
            "first_downloaded_at": None,
            "suspended_at": None,
        }
        assert sales(note) == [1]

    def test_of_a_note_owned_already_is_refused(
        self, note: Note, buyer: User, now: datetime
    ) -> None:
        grant(buyer, note, now=now)
        first = NoteAccess.objects.get()

        granted = grant(buyer, note, now=now)

        assert granted == set()
        assert NoteAccess.objects.get() == first
        assert sales(note) == [1]

    def test_names_those_that_were_granted_of_many(
        self, seller: User, buyer: User, now: datetime
    ) -> None:
        owned, *others = (make_note(seller=seller, title=f"Unit {unit}") for unit in range(3))
        grant(buyer, owned, now=now)

        granted = grant(buyer, owned, *others, now=now)

        assert granted == {note.pk for note in others}
        assert sales(owned, *others) == [1, 1, 1]
        assert NoteAccess.objects.count() == 3

    def test_that_is_repeated_gives_the_same_answer_and_counts_no_second_sale(
        self, note: Note, buyer: User, now: datetime
    ) -> None:
        references = {note.pk: uuid4()}

        answers = [
            grant_accesses(buyer_id=buyer.pk, references=references, now=now) for _ in range(2)
        ]

        assert answers == [{note.pk}, {note.pk}]
        assert (NoteAccess.objects.count(), sales(note)) == (1, [1])

    def test_that_was_revoked_is_not_given_again_for_the_same_reference(
        self, note: Note, buyer: User, now: datetime
    ) -> None:
        references = {note.pk: uuid4()}
        grant_accesses(buyer_id=buyer.pk, references=references, now=now)
        NoteAccess.objects.update(revoked_at=now)

        again = grant_accesses(buyer_id=buyer.pk, references=references, now=now)
        anew = grant(buyer, note, now=now)

        assert (again, anew) == (set(), {note.pk})
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1

    def test_to_one_buyer_leaves_another_free_to_buy(
        self, note: Note, buyer: User, stranger: User, now: datetime
    ) -> None:
        granted = [grant(buyer, note, now=now), grant(stranger, note, now=now)]

        assert granted == [{note.pk}, {note.pk}]
        assert sales(note) == [2]

    def test_of_nothing_is_nothing(self, buyer: User, now: datetime) -> None:
        assert grant(buyer, now=now) == set()

    @pytest.mark.django_db(transaction=True)
    def test_is_won_by_one_of_twenty_that_race(
        self, note: Note, buyer: User, now: datetime
    ) -> None:
        won = in_threads(20, lambda: grant(buyer, note, now=now))

        assert sorted(won, key=len) == [set()] * 19 + [{note.pk}]
        assert NoteAccess.objects.get().revoked_at is None
        assert sales(note) == [1]


def in_threads(count: int, act: Callable[[], Any]) -> list[Any]:
    """What each of `count` callers got, all of them starting together."""
    together, taking, results = Barrier(count), Lock(), []

    def run() -> None:
        together.wait()
        try:
            result = act()
        except Exception as error:
            result = type(error)
        finally:
            connection.close()
        with taking:
            results.append(result)

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class TestADownloadLink:
    def test_counts_one_download(self, bought: Note, buyer: User, now: datetime) -> None:
        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        assert link.expires_at == now + timedelta(minutes=10)
        assert link.downloads_left == 19
        assert NoteAccess.objects.get().downloads == 1

    def test_serves_the_pdf_to_whoever_holds_it(
        self, bought: Note, buyer: User, now: datetime, at: Callable[..., Any]
    ) -> None:
        Note.objects.filter(pk=bought.pk).update(title=HINDI)
        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        response = at(link.url, now)

        assert (response.status_code, body(response)) == (200, PDF)
        assert {
            name: response[name]
            for name in (
                "Content-Type",
                "Content-Length",
                "Content-Disposition",
                "Cache-Control",
                "X-Content-Type-Options",
            )
        } == {
            "Content-Type": "application/pdf",
            "Content-Length": str(len(PDF)),
            "Content-Disposition": (
                "attachment; filename=\"___________.pdf\"; filename*=UTF-8''"
                "%E0%A4%AD%E0%A5%8C%E0%A4%A4%E0%A4%BF%E0%A4%95%E0%A5%80%3A%20"
                "%E0%A4%97%E0%A4%A4%E0%A4%BF.pdf"
            ),
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }

    def test_lives_for_ten_minutes(
        self, bought: Note, buyer: User, now: datetime, at: Callable[..., Any]
    ) -> None:
        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        late = at(link.url, link.expires_at)

        assert body(at(link.url, link.expires_at - timedelta(seconds=1))) == PDF
        assert (late.status_code, late["Content-Type"], late.json()["code"]) == (
            404,
            "application/problem+json",
            "link_expired",
        )

    @pytest.mark.parametrize("method", ["post", "put", "delete"])
    def test_is_only_for_reading(
        self, bought: Note, buyer: User, now: datetime, method: str
    ) -> None:
        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        response = getattr(Client(), method)(urlsplit(link.url).path)

        assert response.status_code == 405

    def test_is_refused_after_twenty_downloads(
        self, bought: Note, buyer: User, now: datetime
    ) -> None:
        left = [
            download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now).downloads_left
            for _ in range(20)
        ]

        with pytest.raises(DownloadLimitReached):
            download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        assert left == list(range(19, -1, -1))
        assert NoteAccess.objects.get().downloads == 20

    @pytest.mark.django_db(transaction=True)
    def test_is_given_once_for_the_last_download(
        self, bought: Note, buyer: User, now: datetime
    ) -> None:
        NoteAccess.objects.update(downloads=19)

        def ask() -> int:
            return download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now).downloads_left

        results = in_threads(6, ask)

        assert sorted(results, key=str) == [0] + [DownloadLimitReached] * 5
        assert NoteAccess.objects.get().downloads == 20

    def test_survives_the_withdrawal_of_the_note(
        self, bought: Note, buyer: User, now: datetime, at: Callable[..., Any]
    ) -> None:
        services.withdraw_note(note_id=bought.pk, seller_id=bought.seller_id, now=now)

        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        assert body(at(link.url, now)) == PDF
        assert [item["note_id"] for item in list_library(buyer.pk)] == [bought.pk]

    def test_is_not_given_to_a_stranger(
        self, bought: Note, stranger: User, seller: User, now: datetime
    ) -> None:
        for outsider in (stranger, seller):
            with pytest.raises(NoteNotFound):
                download_link(note_id=bought.pk, buyer_id=outsider.pk, now=now)

        assert NoteAccess.objects.get().downloads == 0

    def test_is_not_given_for_a_revoked_access(
        self, bought: Note, buyer: User, now: datetime
    ) -> None:
        NoteAccess.objects.update(revoked_at=now)

        with pytest.raises(NoteNotFound):
            download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        assert NoteAccess.objects.get().downloads == 0

    def test_is_not_given_for_a_draft_that_nobody_bought(
        self, seller: User, buyer: User, now: datetime
    ) -> None:
        draft = make_note(seller=seller, state=NoteState.DRAFT)

        with pytest.raises(NoteNotFound):
            download_link(note_id=draft.pk, buyer_id=buyer.pk, now=now)

        assert NoteAccess.objects.count() == 0

    def test_is_not_given_before_a_moderator_approved_a_version(
        self, seller: User, buyer: User, now: datetime
    ) -> None:
        draft = make_note(seller=seller, state=NoteState.DRAFT)
        grant(buyer, draft, now=now)

        with pytest.raises(NoteNotFound):
            download_link(note_id=draft.pk, buyer_id=buyer.pk, now=now)

        assert NoteAccess.objects.get().downloads == 0

    def test_costs_no_download_when_it_cannot_be_made(
        self, bought: Note, buyer: User, now: datetime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any, **__: Any) -> str:
            raise RuntimeError("no link")

        monkeypatch.setattr(access, "note_storage", fail)

        with pytest.raises(RuntimeError):
            download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)

        assert NoteAccess.objects.get().downloads == 0


class TestAForgedLink:
    @pytest.mark.parametrize("position", [0, 10, -1])
    def test_with_a_letter_changed_serves_nothing(
        self, bought: Note, buyer: User, now: datetime, at: Callable[..., Any], position: int
    ) -> None:
        link = download_link(note_id=bought.pk, buyer_id=buyer.pk, now=now)
        token = list(link.url.rpartition("/")[2])
        token[position] = "A" if token[position] != "A" else "B"

        response = at(f"/files/{''.join(token)}", now)

        assert (response.status_code, response.json()["code"]) == (404, "link_expired")

    def test_with_a_longer_life_serves_nothing(
        self, bought: Note, buyer: User, now: datetime, at: Callable[..., Any]
    ) -> None:
        name, later = bought.file.storage_name, int(now.timestamp()) + 10**6
        token = signing.dumps([name, "a.pdf", later], key="a guessed key", salt=SALT)

        response = at(f"/files/{token}", now)

        assert (response.status_code, response.json()["code"]) == (404, "link_expired")

    @pytest.mark.parametrize(
        "path",
        [
            "/files/../secret.pdf",
            "/files/..%2Fsecret.pdf",
            "/files/%2e%2e%2fsecret.pdf",
            "/files/notes/secret.pdf",
            "/files/",
        ],
    )
    def test_made_of_a_path_serves_nothing(
        self, db: None, files: Path, now: datetime, at: Callable[..., Any], path: str
    ) -> None:
        _hide_a_secret(files)

        response = at(path, now)

        assert (response.status_code, b"secret" in response.content) == (404, False)

    def test_though_signed_by_us_never_leaves_the_folder(
        self, db: None, files: Path, now: datetime, at: Callable[..., Any]
    ) -> None:
        _hide_a_secret(files)
        url = note_storage().download_url(
            "../secret.pdf", filename="a.pdf", expires_at=now + timedelta(minutes=10)
        )

        response = at(url, now)

        assert (response.status_code, b"kept" in response.content) == (400, False)


def _hide_a_secret(files: Path) -> None:
    files.mkdir(parents=True)
    for folder in (files, files.parent):
        (folder / "secret.pdf").write_bytes(b"kept")
