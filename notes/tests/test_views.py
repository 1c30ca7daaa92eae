"""The catalogue, selling and library endpoints, asked as a client asks them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import urllib3
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from notes import serializers, services
from notes.access import grant_accesses
from notes.models import Note, NoteAccess, NoteFile, NoteMove
from notes.states import NoteState
from notes.storage import cloudinary
from notes.tests import pdfs
from notes.tests.cloudinary_stand_in import (
    API_KEY,
    API_SECRET,
    CLOUD_NAME,
    CloudinaryStandIn,
    running_stand_in,
)
from notes.tests.factories import PUBLISHED_AT, make_category, make_note
from notevault.accounts.models import User

API = "/api/v1"
PDF = pdfs.small_pdf(pages=3)
MEBIBYTE = 1024 * 1024
HIDDEN = [state for state in NoteState if state != NoteState.PUBLISHED]
NEW_NOTE = {
    "title": "Operating Systems: deadlocks",
    "description": "Unit 3.\nWith solved questions.",
    "category": "computer-science",
    "price_paise": 9900,
    "university": "University of Mumbai",
    "course": "B.E.",
    "semester": 4,
    "language": "hi",
}

ClientOf = Callable[..., APIClient]


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def rival(stranger: User) -> User:
    """A stranger who sells notes too."""
    stranger.is_seller = True
    stranger.save()
    return stranger


@pytest.fixture
def draft(seller: User) -> Note:
    return make_note(seller=seller, state=NoteState.DRAFT)


def everything() -> tuple[Any, ...]:
    """All that a refusal must leave as it was."""
    models = (Note, NoteFile, NoteMove, NoteAccess)
    return tuple(list(model.objects.order_by("pk").values()) for model in models)


def grant(buyer: User, note: Note, now: datetime) -> None:
    grant_accesses(buyer_id=buyer.pk, references={note.pk: uuid4()}, now=now)


def pdf_upload(content: bytes = PDF, name: str = "unit 2.pdf") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "application/pdf")


def upload(client: APIClient, note: Note, **parts: Any) -> Any:
    parts = parts or {"file": pdf_upload()}
    return client.post(f"{API}/notes/{note.pk}/file", parts, format="multipart")


def told(response: Any) -> tuple[int, str]:
    """A problem's status and code, once it is one."""
    assert response["Content-Type"] == "application/problem+json", response.content
    assert response.json()["status"] == response.status_code
    return response.status_code, response.json()["code"]


def params(response: Any) -> set[str]:
    return {error["param"] for error in response.json()["errors"]}


def walk(client: APIClient, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Every item of a list, page by page."""
    cursor: dict[str, str] = {}
    while True:
        page = client.get(f"{API}/{path}", {**query, **cursor}).json()
        yield from page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


class TestTheCatalogue:
    def test_shows_a_published_note_to_anybody(self, note: Note, client_of: ClientOf) -> None:
        response = client_of().get(f"{API}/notes")

        assert (response.status_code, response["Cache-Control"]) == (200, "public, max-age=15")
        assert response.json() == {
            "items": [
                {
                    "id": str(note.pk),
                    "title": "Operating Systems: scheduling",
                    "description": "Unit 2 with solved questions.",
                    "university": "",
                    "course": "",
                    "semester": None,
                    "language": "en",
                    "price_paise": 9900,
                    "page_count": 12,
                    "sales_count": 0,
                    "published_at": "2026-11-01T09:00:00Z",
                    "category": "computer-science",
                    "seller_name": "Seller",
                }
            ],
            "next_cursor": None,
        }

    @pytest.mark.parametrize("state", HIDDEN)
    def test_hides_notes_that_are_not_on_sale(
        self, state: NoteState, seller: User, client_of: ClientOf
    ) -> None:
        hidden = make_note(seller=seller, state=state)

        listed = client_of().get(f"{API}/notes").json()["items"]

        assert listed == []
        for caller in (None, seller):
            found = client_of(caller).get(f"{API}/notes/{hidden.pk}")
            assert told(found) == (404, "not_found")

    def test_shows_one_note_as_it_lists_it(self, note: Note, client_of: ClientOf) -> None:
        (listed,) = client_of().get(f"{API}/notes").json()["items"]

        response = client_of().get(f"{API}/notes/{note.pk}")

        assert (response.status_code, response.json()) == (200, listed)
        assert response["Cache-Control"] == "public, max-age=15"

    @pytest.mark.parametrize(
        "path", ["notes/0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f", "notes/1", "notes/x"]
    )
    def test_knows_no_other_notes(self, db: None, path: str, client_of: ClientOf) -> None:
        assert told(client_of().get(f"{API}/{path}")) == (404, "not_found")

    @pytest.mark.parametrize(
        ("fields", "query"),
        [
            ({"language": "hi"}, {"language": "hi"}),
            ({"semester": 3}, {"semester": "3"}),
            ({"university": "University of Delhi"}, {"university": "university of delhi"}),
            ({"price_paise": 20_000}, {"min_price": "20000"}),
            ({"price_paise": 5_000}, {"max_price": "5000"}),
            ({"price_paise": 0}, {"min_price": "0", "max_price": "0"}),
        ],
        ids=lambda value: "-".join(value),
    )
    def test_is_filtered(
        self, fields: dict[str, Any], query: dict[str, str], note: Note, client_of: ClientOf
    ) -> None:
        found = make_note(seller=note.seller, **fields)

        items = client_of().get(f"{API}/notes", query).json()["items"]

        assert [item["id"] for item in items] == [str(found.pk)]

    def test_is_filtered_by_category_and_by_seller(
        self, note: Note, stranger: User, client_of: ClientOf
    ) -> None:
        found = make_note(seller=stranger, category=make_category("physics"))

        for query in ({"category": "physics"}, {"seller": str(stranger.pk)}):
            items = client_of().get(f"{API}/notes", query).json()["items"]
            assert [item["id"] for item in items] == [str(found.pk)]

    @pytest.mark.parametrize(
        "query",
        [
            {"category": "no slug!"},
            {"seller": "me"},
            {"language": "English"},
            {"semester": "0"},
            {"semester": "13"},
            {"min_price": "-1"},
            {"max_price": "1000001"},
            {"max_price": "cheap"},
            {"sort": "random"},
            {"limit": "0"},
            {"limit": "101"},
            {"cursor": "made up"},
            {"university": "\x00"},
        ],
        ids=lambda query: "=".join(*query.items()),
    )
    def test_refuses_a_query_it_cannot_read(
        self, query: dict[str, str], note: Note, client_of: ClientOf
    ) -> None:
        response = client_of().get(f"{API}/notes", query)

        assert told(response) == (400, "validation_failed")
        assert params(response) == set(query)

    @pytest.mark.parametrize(
        ("sort", "key", "descending"),
        [
            ("newest", "published_at", True),
            ("popular", "sales_count", True),
            ("price_low", "price_paise", False),
            ("price_high", "price_paise", True),
        ],
    )
    def test_is_walked_in_order_though_rows_tie(
        self, sort: str, key: str, descending: bool, seller: User, client_of: ClientOf
    ) -> None:
        for number in (2, 1, 2, 3, 1, 2, 2):
            make_note(
                seller=seller,
                sales_count=number,
                price_paise=number * 100,
                published_at=PUBLISHED_AT + timedelta(days=number),
            )
        rows = Note.objects.values_list(key, "pk")
        expected = [str(pk) for _, pk in sorted(rows, reverse=descending)]

        walked = [
            [item["id"] for item in walk(client_of(), "notes", sort=sort, limit=limit)]
            for limit in (1, 2, 3, 7)
        ]

        assert walked == [expected] * 4

    def test_sorts_the_newest_first_when_nothing_is_said(
        self, seller: User, client_of: ClientOf
    ) -> None:
        old, new = (
            make_note(seller=seller, published_at=PUBLISHED_AT + timedelta(days=days))
            for days in (0, 1)
        )

        items = client_of().get(f"{API}/notes").json()["items"]

        assert [item["id"] for item in items] == [str(new.pk), str(old.pk)]

    def test_gives_a_newcomer_no_second_place_on_a_later_page(
        self, seller: User, client_of: ClientOf
    ) -> None:
        known = [
            make_note(seller=seller, published_at=PUBLISHED_AT + timedelta(days=days))
            for days in range(4)
        ]
        items = walk(client_of(), "notes", limit=2)
        seen = [next(items), next(items)]
        make_note(seller=seller, published_at=PUBLISHED_AT + timedelta(days=9))

        seen += items

        assert [item["id"] for item in seen] == [str(note.pk) for note in reversed(known)]

    @pytest.mark.parametrize("change", [{"sort": "popular"}, {"language": "en"}, {"min_price": 1}])
    def test_refuses_a_cursor_of_another_list(
        self, change: dict[str, Any], seller: User, client_of: ClientOf
    ) -> None:
        for _ in range(3):
            make_note(seller=seller)
        page = client_of().get(f"{API}/notes", {"limit": 1}).json()

        response = client_of().get(f"{API}/notes", {"cursor": page["next_cursor"], **change})

        assert told(response) == (404, "invalid_cursor")

    def test_refuses_a_cursor_with_a_letter_changed(
        self, seller: User, client_of: ClientOf
    ) -> None:
        for _ in range(2):
            make_note(seller=seller)
        cursor = client_of().get(f"{API}/notes", {"limit": 1}).json()["next_cursor"]
        changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]

        response = client_of().get(f"{API}/notes", {"cursor": changed})

        assert told(response) == (404, "invalid_cursor")

    def test_lists_its_categories(self, db: None, client_of: ClientOf) -> None:
        for slug in ("physics", "law"):
            make_category(slug)

        response = client_of().get(f"{API}/categories")

        assert response["Cache-Control"] == "public, max-age=15"
        assert response.json() == {
            "items": [{"slug": "law", "name": "Law"}, {"slug": "physics", "name": "Physics"}]
        }


class TestTheQueriesOfAList:
    def test_of_the_catalogue_are_one(self, seller: User, client_of: ClientOf) -> None:
        self.assert_same_for_more(
            client_of(), f"{API}/notes", lambda: make_note(seller=seller), queries=1
        )

    def test_of_the_catalogue_are_no_more_for_a_token(
        self, note: Note, buyer: User, client_of: ClientOf
    ) -> None:
        signed_in = client_of(buyer)
        with_junk = client_of()
        with_junk.credentials(HTTP_AUTHORIZATION="Bearer junk")

        for client in (signed_in, with_junk):
            for path in (f"{API}/notes", f"{API}/notes/{note.pk}"):
                with CaptureQueriesContext(connection) as asked:
                    assert client.get(path).status_code == 200
                assert len(asked) == 1

    def test_of_a_sellers_notes_are_two(self, seller: User, client_of: ClientOf) -> None:
        self.assert_same_for_more(
            client_of(seller), f"{API}/seller/notes", lambda: make_note(seller=seller), queries=2
        )

    def test_of_a_library_are_two(
        self, seller: User, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        self.assert_same_for_more(
            client_of(buyer),
            f"{API}/library",
            lambda: grant(buyer, make_note(seller=seller), now),
            queries=2,
        )

    def assert_same_for_more(
        self, client: APIClient, path: str, add: Callable[[], Any], *, queries: int
    ) -> None:
        for rows in (5, 50):
            for _ in range(rows - len(client.get(path, {"limit": 100}).json()["items"])):
                add()
            with CaptureQueriesContext(connection) as asked:
                response = client.get(path, {"limit": 100})
            assert (len(response.json()["items"]), len(asked)) == (rows, queries)


class TestStartingANote:
    def test_makes_a_draft(self, seller: User, client_of: ClientOf) -> None:
        make_category()

        response = client_of(seller).post(f"{API}/notes", NEW_NOTE, format="json")

        note = Note.objects.get()
        created_at = note.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert response.status_code == 201
        assert response.json() == {
            **NEW_NOTE,
            "id": str(note.pk),
            "state": "draft",
            "page_count": 0,
            "sales_count": 0,
            "rejected_why": "",
            "published_at": None,
            "created_at": created_at,
            "seller_name": "Seller",
        }

    def test_cannot_choose_its_state_or_its_seller(
        self, seller: User, rival: User, client_of: ClientOf
    ) -> None:
        make_category()
        wished = {"state": "published", "seller_id": str(rival.pk), "sales_count": 900}

        response = client_of(seller).post(f"{API}/notes", {**NEW_NOTE, **wished}, format="json")

        note = Note.objects.get()
        assert response.status_code == 201
        assert (note.state, note.seller_id, note.sales_count) == ("draft", seller.pk, 0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"price_paise": 50},
            {"price_paise": 99},
            {"price_paise": -1},
            {"price_paise": 1_000_001},
            {"price_paise": "9900"},
            {"price_paise": True},
            {"title": ""},
            {"title": "x" * 121},
            {"title": "two\nlines"},
            {"title": "nul\x00"},
            {"title": None},
            {"description": " "},
            {"description": "x" * 5001},
            {"semester": 0},
            {"semester": 13},
            {"language": "EN"},
            {"category": ["computer-science"]},
        ],
        ids=lambda wrong: "=".join(f"{part!s:.12}" for part in next(iter(wrong.items()))),
    )
    def test_with_a_field_that_is_not_valid_makes_nothing(
        self, wrong: dict[str, Any], seller: User, client_of: ClientOf
    ) -> None:
        make_category()

        response = client_of(seller).post(f"{API}/notes", {**NEW_NOTE, **wrong}, format="json")

        assert told(response) == (400, "validation_failed")
        assert params(response) == set(wrong)
        assert Note.objects.count() == 0

    @pytest.mark.parametrize("missing", ["title", "description", "category", "price_paise"])
    def test_without_a_field_it_needs_makes_nothing(
        self, missing: str, seller: User, client_of: ClientOf
    ) -> None:
        body = {name: value for name, value in NEW_NOTE.items() if name != missing}

        response = client_of(seller).post(f"{API}/notes", body, format="json")

        assert told(response) == (400, "validation_failed")
        assert params(response) == {missing}
        assert Note.objects.count() == 0

    def test_in_no_known_category_makes_nothing(self, seller: User, client_of: ClientOf) -> None:
        response = client_of(seller).post(
            f"{API}/notes", {**NEW_NOTE, "category": "alchemy"}, format="json"
        )

        assert told(response) == (404, "not_found")
        assert Note.objects.count() == 0


class TestEditingANote:
    def test_changes_what_is_given_and_nothing_else(self, draft: Note, client_of: ClientOf) -> None:
        (before,) = Note.objects.values()

        response = client_of(draft.seller).patch(
            f"{API}/notes/{draft.pk}", {"title": "Deadlocks", "semester": None}, format="json"
        )

        assert (response.status_code, response.json()["title"]) == (200, "Deadlocks")
        assert Note.objects.values().get() == {**before, "title": "Deadlocks"}

    def test_with_nothing_changes_nothing(self, note: Note, client_of: ClientOf) -> None:
        before = everything()

        response = client_of(note.seller).patch(f"{API}/notes/{note.pk}", {}, format="json")

        assert (response.status_code, everything()) == (200, before)

    def test_of_a_published_note_changes_its_price(self, note: Note, client_of: ClientOf) -> None:
        response = client_of(note.seller).patch(
            f"{API}/notes/{note.pk}", {"price_paise": 0}, format="json"
        )

        assert (response.status_code, response.json()["price_paise"]) == (200, 0)

    def test_of_a_published_note_changes_no_text(self, note: Note, client_of: ClientOf) -> None:
        before = everything()

        response = client_of(note.seller).patch(
            f"{API}/notes/{note.pk}", {"price_paise": 0, "title": "Another"}, format="json"
        )

        assert told(response) == (409, "note_not_editable")
        assert everything() == before


CALLS: dict[str, Callable[[APIClient, Note], Any]] = {
    "edit": lambda client, note: client.patch(
        f"{API}/notes/{note.pk}", {"price_paise": 100}, format="json"
    ),
    "withdraw": lambda client, note: client.delete(f"{API}/notes/{note.pk}"),
    "upload": upload,
    "submit": lambda client, note: client.post(f"{API}/notes/{note.pk}/submit"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestTheSellersCalls:
    def test_find_no_note_for_another_seller(
        self, call: Callable[..., Any], draft: Note, rival: User, client_of: ClientOf
    ) -> None:
        before = everything()

        response = call(client_of(rival), draft)

        assert told(response) == (404, "not_found")
        assert everything() == before

    def test_are_not_for_a_buyer_who_sells_nothing(
        self, call: Callable[..., Any], draft: Note, buyer: User, client_of: ClientOf
    ) -> None:
        before = everything()

        response = call(client_of(buyer), draft)

        assert told(response) == (403, "not_a_seller")
        assert everything() == before

    def test_are_not_for_nobody(
        self, call: Callable[..., Any], draft: Note, client_of: ClientOf
    ) -> None:
        before = everything()

        response = call(client_of(), draft)

        assert told(response) == (401, "not_authenticated")
        assert response["WWW-Authenticate"] == 'Bearer realm="notevault"'
        assert everything() == before


class TestTheSellersList:
    def test_shows_their_own_notes_in_every_state_newest_first(
        self, seller: User, rival: User, client_of: ClientOf
    ) -> None:
        own = [
            make_note(
                seller=seller, state=state, created_at=PUBLISHED_AT + timedelta(days=days // 2)
            )
            for days, state in enumerate(NoteState)
        ]
        make_note(seller=rival)

        items = list(walk(client_of(seller), "seller/notes", limit=2))

        in_order = sorted(own, key=lambda note: (note.created_at, note.pk), reverse=True)
        assert [item["id"] for item in items] == [str(note.pk) for note in in_order]
        assert set(items[0]) == set(serializers.SellerNoteResponse().fields)

    def test_can_be_narrowed_to_a_state(self, note: Note, draft: Note, client_of: ClientOf) -> None:
        response = client_of(note.seller).get(f"{API}/seller/notes", {"state": "draft"})

        assert [item["id"] for item in response.json()["items"]] == [str(draft.pk)]

    def test_refuses_the_cursor_of_another_seller(
        self, seller: User, rival: User, client_of: ClientOf
    ) -> None:
        for owner in (seller, rival):
            for _ in range(2):
                make_note(seller=owner)
        page = client_of(rival).get(f"{API}/seller/notes", {"limit": 1}).json()

        response = client_of(seller).get(
            f"{API}/seller/notes", {"limit": 1, "cursor": page["next_cursor"]}
        )

        assert told(response) == (404, "invalid_cursor")

    def test_is_not_for_a_buyer_who_sells_nothing(self, buyer: User, client_of: ClientOf) -> None:
        assert told(client_of(buyer).get(f"{API}/seller/notes")) == (403, "not_a_seller")


class TestUploading:
    def test_makes_the_file_the_notes_own(
        self, draft: Note, client_of: ClientOf, files: Path
    ) -> None:
        response = upload(client_of(draft.seller), draft, file=pdf_upload(name="../../एकक २.exe"))

        draft.refresh_from_db()
        assert (response.status_code, response.json()["page_count"]) == (200, 3)
        assert (files / draft.file.storage_name).read_bytes() == PDF
        assert [path for path in files.rglob("*") if path.is_file()] == [
            files / "notes" / str(draft.pk) / f"{draft.file_id}.pdf"
        ]

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (pdfs.renamed_png(), "not_a_pdf"),
            (pdfs.empty(), "empty"),
            (bytes(20 * MEBIBYTE), "not_a_pdf"),
        ],
        ids=["a picture", "nothing", "20 MiB, the largest that is looked at"],
    )
    def test_a_file_unfit_for_sale_says_why(
        self, content: bytes, reason: str, draft: Note, client_of: ClientOf, files: Path
    ) -> None:
        before = everything()

        response = upload(client_of(draft.seller), draft, file=pdf_upload(content))

        assert told(response) == (422, "pdf_rejected")
        assert response.json()["reason"] == reason
        assert (everything(), list(files.rglob("*"))) == (before, [])

    @pytest.mark.parametrize(
        "size",
        [20 * MEBIBYTE + 1, 20 * MEBIBYTE + MEBIBYTE // 2, 21 * MEBIBYTE],
        ids=["20 MiB and a byte", "20.5 MiB", "21 MiB"],
    )
    def test_a_file_over_the_limit_is_too_large(
        self, size: int, draft: Note, client_of: ClientOf, files: Path
    ) -> None:
        before = everything()

        response = upload(client_of(draft.seller), draft, file=pdf_upload(bytes(size)))

        assert told(response) == (413, "payload_too_large")
        assert (everything(), list(files.rglob("*"))) == (before, [])

    @pytest.mark.parametrize(
        "parts",
        [{"pdf": pdf_upload}, {"file": lambda: "just text"}, {"other": lambda: "x"}],
        ids=["another name", "no file", "nothing of it"],
    )
    def test_a_form_without_the_file_is_not_valid(
        self, parts: dict[str, Callable[[], Any]], draft: Note, client_of: ClientOf
    ) -> None:
        before = everything()

        response = upload(
            client_of(draft.seller), draft, **{name: make() for name, make in parts.items()}
        )

        assert told(response) == (400, "validation_failed")
        assert params(response) == {"file"}
        assert everything() == before

    def test_two_files_at_once_is_a_bad_request(self, draft: Note, client_of: ClientOf) -> None:
        before = everything()

        response = upload(client_of(draft.seller), draft, file=pdf_upload(), more=pdf_upload())

        assert told(response) == (400, "bad_request")
        assert everything() == before

    @pytest.mark.parametrize(
        ("content_type", "body"),
        [
            ("multipart/form-data", PDF),
            ("multipart/form-data; boundary=", PDF),
            ("multipart/form-data; boundary=xxx", PDF),
            ("multipart/form-data; boundary=xxx", b""),
            ("multipart/form-data; boundary=\xff", b"--"),
        ],
        ids=["no boundary", "empty boundary", "no parts", "no body", "odd boundary"],
    )
    def test_garbage_is_a_bad_request(
        self, content_type: str, body: bytes, draft: Note, client_of: ClientOf
    ) -> None:
        before = everything()

        response = client_of(draft.seller).generic(
            "POST", f"{API}/notes/{draft.pk}/file", body, content_type=content_type
        )

        assert told(response)[0] == 400
        assert everything() == before

    def test_json_is_not_the_way(self, draft: Note, client_of: ClientOf) -> None:
        response = client_of(draft.seller).post(
            f"{API}/notes/{draft.pk}/file", {"file": "JVBERi0="}, format="json"
        )

        assert told(response) == (415, "unsupported_media_type")

    @pytest.mark.parametrize("state", [NoteState.SUBMITTED, NoteState.PUBLISHED])
    def test_into_a_note_that_moderators_or_buyers_hold_is_refused(
        self, state: NoteState, seller: User, client_of: ClientOf, files: Path
    ) -> None:
        note = make_note(seller=seller, state=state)
        before = everything()

        response = upload(client_of(seller), note)

        assert told(response) == (409, "note_not_editable")
        assert (everything(), list(files.rglob("*"))) == (before, [])


class TestUploadingToCloudinary:
    @pytest.fixture
    def far_side(self, settings: Any) -> Iterator[CloudinaryStandIn]:
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

    def test_keeps_the_file_there(
        self, far_side: CloudinaryStandIn, draft: Note, client_of: ClientOf
    ) -> None:
        response = upload(client_of(draft.seller), draft)

        draft.refresh_from_db()
        asset = draft.file.storage_name.removesuffix(".pdf")
        assert response.status_code == 200
        assert far_side.assets == {("image", "authenticated", asset): PDF}

    @pytest.mark.parametrize(
        "trouble",
        [lambda far: far.fail_with(500), lambda far: far.fail_with(429), CloudinaryStandIn.hang],
        ids=["broken", "too busy", "hanging"],
    )
    def test_asks_for_another_try_while_it_does_not_answer(
        self,
        trouble: Callable[[CloudinaryStandIn], None],
        far_side: CloudinaryStandIn,
        draft: Note,
        client_of: ClientOf,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(cloudinary, "UPLOAD_TIMEOUT", urllib3.Timeout(connect=0.3, read=0.3))
        (before,) = Note.objects.values()
        trouble(far_side)

        response = upload(client_of(draft.seller), draft)

        assert told(response) == (503, "storage_unavailable")
        assert (response["Retry-After"], response.json()["retryable"]) == ("1", True)
        assert Note.objects.values().get() == before

    def test_serves_no_link_of_the_local_store(
        self, far_side: CloudinaryStandIn, client_of: ClientOf
    ) -> None:
        assert told(client_of().get("/files/anything")) == (404, "link_expired")


class TestSubmittingANote:
    def test_hands_it_to_the_moderators(self, draft: Note, client_of: ClientOf) -> None:
        response = client_of(draft.seller).post(f"{API}/notes/{draft.pk}/submit")

        assert (response.status_code, response.json()["state"]) == (200, "submitted")
        assert NoteMove.objects.get().actor_id == draft.seller_id

    def test_without_a_file_is_refused(self, draft: Note, client_of: ClientOf) -> None:
        Note.objects.update(file=None)
        before = everything()

        response = client_of(draft.seller).post(f"{API}/notes/{draft.pk}/submit")

        assert told(response) == (409, "note_has_no_file")
        assert everything() == before

    def test_twice_is_refused(self, draft: Note, client_of: ClientOf) -> None:
        client = client_of(draft.seller)
        client.post(f"{API}/notes/{draft.pk}/submit")
        before = everything()

        response = client.post(f"{API}/notes/{draft.pk}/submit")

        assert told(response) == (409, "note_move_refused")
        assert everything() == before


class TestWithdrawingANote:
    def test_takes_it_out_of_the_catalogue_and_leaves_it_to_its_buyers(
        self, note: Note, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)

        response = client_of(note.seller).delete(f"{API}/notes/{note.pk}")

        library = client_of(buyer).get(f"{API}/library").json()["items"]
        link = client_of(buyer).post(f"{API}/library/{note.pk}/download")
        assert (response.status_code, response.content) == (204, b"")
        assert told(client_of().get(f"{API}/notes/{note.pk}")) == (404, "not_found")
        assert [item["note_id"] for item in library] == [str(note.pk)]
        assert link.status_code == 200

    def test_twice_is_refused(self, note: Note, client_of: ClientOf) -> None:
        client = client_of(note.seller)
        client.delete(f"{API}/notes/{note.pk}")
        before = everything()

        response = client.delete(f"{API}/notes/{note.pk}")

        assert told(response) == (409, "note_move_refused")
        assert everything() == before


class TestTheLibrary:
    def test_lists_what_was_granted_newest_first(
        self, seller: User, buyer: User, stranger: User, now: datetime, client_of: ClientOf
    ) -> None:
        for days in (0, 2, 2, 1):
            grant(buyer, make_note(seller=seller), now + timedelta(days=days))
        grant(stranger, make_note(seller=seller), now)

        items = list(walk(client_of(buyer), "library", limit=1))

        rows = NoteAccess.objects.filter(buyer=buyer).order_by("-granted_at", "-pk")
        assert [item["note_id"] for item in items] == [str(access.note_id) for access in rows]

    def test_says_what_it_documents(
        self, note: Note, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)

        response = client_of(buyer).get(f"{API}/library")

        assert response.json()["items"] == [
            {
                "id": str(NoteAccess.objects.get().pk),
                "note_id": str(note.pk),
                "title": note.title,
                "seller_name": "Seller",
                "page_count": 12,
                "granted_at": "2026-11-23T12:00:00Z",
                "downloads": 0,
            }
        ]
        assert set(response.json()["items"][0]) == set(serializers.LibraryItemResponse().fields)

    def test_forgets_a_revoked_access(
        self, note: Note, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)
        NoteAccess.objects.update(revoked_at=now)

        assert client_of(buyer).get(f"{API}/library").json()["items"] == []
        response = client_of(buyer).post(f"{API}/library/{note.pk}/download")
        assert told(response) == (404, "not_found")

    @pytest.mark.parametrize("call", ["library", "download"])
    def test_is_not_for_nobody(self, call: str, note: Note, client_of: ClientOf) -> None:
        client = client_of()

        response = (
            client.get(f"{API}/library")
            if call == "library"
            else client.post(f"{API}/library/{note.pk}/download")
        )

        assert told(response) == (401, "not_authenticated")


class TestADownload:
    def test_is_a_link_that_no_cache_keeps(
        self, note: Note, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)
        asked_at = datetime.now(UTC)

        response = client_of(buyer).post(f"{API}/library/{note.pk}/download")

        body = response.json()
        lifetime = datetime.fromisoformat(body["expires_at"]) - asked_at
        assert response.status_code == 200
        assert "no-store" in response["Cache-Control"]
        assert set(body) == {"url", "expires_at", "downloads_left"}
        assert body["downloads_left"] == 19
        assert timedelta(minutes=10) <= lifetime < timedelta(minutes=10, seconds=30)

    def test_is_not_for_a_stranger_nor_for_the_seller(
        self, note: Note, buyer: User, rival: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)

        for outsider in (rival, note.seller):
            response = client_of(outsider).post(f"{API}/library/{note.pk}/download")
            assert told(response) == (404, "not_found")

        assert NoteAccess.objects.get().downloads == 0

    def test_after_the_twentieth_is_refused(
        self, note: Note, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        grant(buyer, note, now)
        NoteAccess.objects.update(downloads=20)

        response = client_of(buyer).post(f"{API}/library/{note.pk}/download")

        assert told(response) == (409, "download_limit_reached")
        assert NoteAccess.objects.get().downloads == 20


class TestTheLifeOfANote:
    def test_from_an_empty_draft_to_a_file_in_a_buyers_hands(
        self, seller: User, moderator: User, buyer: User, now: datetime, client_of: ClientOf
    ) -> None:
        make_category()
        selling, buying = client_of(seller), client_of(buyer)
        note = Note(pk=selling.post(f"{API}/notes", NEW_NOTE, format="json").json()["id"])
        upload(selling, note)
        selling.post(f"{API}/notes/{note.pk}/submit")
        services.publish_note(note_id=note.pk, moderator_id=moderator.pk, now=now)
        (listed,) = buying.get(f"{API}/notes").json()["items"]
        grant(buyer, Note.objects.get(), now)

        link = buying.post(f"{API}/library/{note.pk}/download").json()["url"]
        response = client_of().get(urlsplit(link).path)

        assert (listed["id"], listed["page_count"]) == (str(note.pk), 3)
        assert (response.status_code, b"".join(response.streaming_content)) == (200, PDF)
        assert list(NoteMove.objects.order_by("pk").values_list("new", flat=True)) == [
            "submitted",
            "published",
        ]
