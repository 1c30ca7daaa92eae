"""The moderators' desk, seen through a browser's requests."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notes.models import Note, NoteAccess, NoteMove
from notes.states import NoteState
from notes.storage import note_storage
from notes.tests.factories import make_category, make_note
from notes.tests.pdfs import small_pdf
from notevault.accounts.models import User
from notevault.accounts.tests.factories import make_user

NOTES = "/admin/notes/note/"
PDF = small_pdf()


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path / "files"


@pytest.fixture
def desk(moderator: User) -> Client:
    return browser_of(moderator)


@pytest.fixture
def submitted(seller: User) -> Note:
    return make_note(seller=seller, state=NoteState.SUBMITTED)


@pytest.fixture(params=["moderator", "superuser"])
def any_desk(request: pytest.FixtureRequest, db: None) -> Client:
    """Of whoever may do the most here."""
    if request.param == "moderator":
        return request.getfixturevalue("desk")
    return browser_of(make_user("owner", is_staff=True, is_superuser=True))


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(group: str | None) -> User:
    user = make_user("colleague", is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user


def act(client: Client, action: str, *notes: Note, **more: str) -> Any:
    """Choose an action for the ticked rows of the list, as its form does."""
    ticked = [str(note.pk) for note in notes]
    return client.post(NOTES, {"action": action, "_selected_action": ticked, **more})


def counted(client: Client, path: str) -> tuple[str, int]:
    """A page and the number of its queries, once what Django keeps in memory is there."""
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        page = client.get(path).content.decode()
    return page, len(asked)


def messages(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def everything() -> tuple[Any, ...]:
    return tuple(list(model.objects.order_by("pk").values()) for model in (Note, NoteMove))


def history() -> list[tuple[Any, ...]]:
    return list(
        NoteMove.objects.order_by("pk").values_list("row_id", "old", "new", "why", "actor_id", "at")
    )


class TestTheListOfNotes:
    def test_shows_each_with_its_price_and_state(self, desk: Client, submitted: Note) -> None:
        page = desk.get(NOTES).content.decode()

        assert "Operating Systems: scheduling" in page
        assert "₹99.00" in page
        assert "seller@example.com" in page

    def test_costs_the_same_queries_for_ten_and_forty(self, desk: Client, seller: User) -> None:
        counts = []
        for rows in (10, 40):
            for _ in range(rows - Note.objects.count()):
                make_note(seller=make_user(f"seller-{uuid4().hex[:6]}", is_seller=True))
            page, queries = counted(desk, NOTES)
            assert page.count('name="_selected_action"') == rows
            counts.append(queries)

        assert counts[0] == counts[1] <= 12

    @pytest.mark.parametrize("by", ["title", "email", "id"])
    def test_is_searched(self, by: str, desk: Client, submitted: Note, stranger: User) -> None:
        make_note(seller=stranger, title="Thermodynamics")
        wanted = {"title": "scheduling", "email": "seller@", "id": str(submitted.pk)}[by]

        page = desk.get(NOTES, {"q": wanted}).content.decode()

        assert ("scheduling" in page, "Thermodynamics" in page) == (True, False)

    @pytest.mark.parametrize(
        "query", [{"state__exact": "submitted"}, {"language__exact": "en"}, {"o": "5"}]
    )
    def test_is_filtered_and_sorted(
        self, query: dict[str, str], desk: Client, submitted: Note
    ) -> None:
        response = desk.get(NOTES, query)

        assert (response.status_code, str(submitted.pk) in response.content.decode()) == (200, True)

    def test_offers_to_publish_and_reject_and_nothing_else(
        self, any_desk: Client, submitted: Note
    ) -> None:
        page = any_desk.get(NOTES).content.decode()

        offered = re.findall(r'<option value="(\w+)"', page)
        assert {"publish", "reject"} == {action for action in offered if action}
        assert f"{NOTES}add/" not in page

    def test_has_no_way_to_add_change_or_delete(self, any_desk: Client, submitted: Note) -> None:
        before = everything()
        one = f"{NOTES}{submitted.pk}"

        statuses = [
            any_desk.get(f"{NOTES}add/").status_code,
            any_desk.post(f"{NOTES}add/", {"title": "x"}).status_code,
            any_desk.post(f"{one}/change/", {"title": "x", "state": "published"}).status_code,
            any_desk.get(f"{one}/delete/").status_code,
            any_desk.post(f"{one}/delete/", {"post": "yes"}).status_code,
        ]
        act(any_desk, "delete_selected", submitted, post="yes")

        assert statuses == [403] * 5
        assert everything() == before


class TestThePageOfANote:
    def test_shows_its_history_and_no_button(
        self, any_desk: Client, submitted: Note, stranger: User, now: datetime
    ) -> None:
        submitted.move(NoteState.REJECTED, why="Cut off.", now=now, actor_id=stranger.pk)

        page = unescape(any_desk.get(f"{NOTES}{submitted.pk}/change/").content.decode())

        assert "Cut off." in page
        assert str(stranger.pk) in page
        assert not re.search(r'name="_(save|addanother|continue)"|/delete/', page)

    def test_links_to_the_pdf_for_ten_minutes(self, desk: Client, submitted: Note) -> None:
        note_storage().save(submitted.file.storage_name, ContentFile(PDF))

        with time_machine.travel(datetime.now().astimezone(), tick=False) as clock:
            page = unescape(desk.get(f"{NOTES}{submitted.pk}/change/").content.decode())
            (url,) = re.findall(r'<a href="([^"]+)">Open the PDF</a>', page)
            served = Client().get(urlsplit(url).path)
            content = b"".join(served.streaming_content)
            clock.shift(600)
            late = Client().get(urlsplit(url).path)

        assert (served.status_code, content) == (200, PDF)
        assert late.status_code == 404

    def test_says_when_there_is_no_file(self, desk: Client, submitted: Note) -> None:
        Note.objects.update(file=None)

        page = desk.get(f"{NOTES}{submitted.pk}/change/").content.decode()

        assert ("No file yet" in page, "Open the PDF" in page) == (True, False)

    def test_shows_a_hostile_title_as_text(self, desk: Client, submitted: Note) -> None:
        Note.objects.update(title="<script>alert(1)</script>")

        for path in (NOTES, f"{NOTES}{submitted.pk}/change/"):
            assert "<script>alert(1)" not in desk.get(path).content.decode()

    def test_costs_the_same_queries_with_ten_moves_and_forty(
        self, desk: Client, submitted: Note, now: datetime
    ) -> None:
        counts = []
        for moves in (10, 40):
            NoteMove.objects.bulk_create(
                NoteMove(row=submitted, old="draft", new="submitted", why="again", at=now)
                for _ in range(moves - NoteMove.objects.count())
            )
            page, queries = counted(desk, f"{NOTES}{submitted.pk}/change/")
            assert page.count("again") >= moves
            counts.append(queries)

        assert counts[0] == counts[1] <= 12


class TestPublishing:
    @pytest.mark.django_db(transaction=True)
    def test_puts_the_ticked_notes_on_sale(
        self, desk: Client, seller: User, moderator: User
    ) -> None:
        ticked = [make_note(seller=seller, state=NoteState.SUBMITTED) for _ in range(2)]
        left = make_note(seller=seller, state=NoteState.SUBMITTED)

        with time_machine.travel(datetime.now().astimezone(), tick=False):
            response = act(desk, "publish", *ticked)
            at = Note.objects.get(pk=ticked[0].pk).published_at

        assert messages(response) == ["2 published."]
        assert set(Note.objects.published()) == set(ticked)
        assert sorted(history()) == [
            (note.pk, "submitted", "published", "approved", moderator.pk, at)
            for note in sorted(ticked, key=lambda note: note.pk)
        ]
        left.refresh_from_db()
        assert left.state == NoteState.SUBMITTED

    def test_says_of_each_note_why_it_cannot_be(
        self, desk: Client, seller: User, submitted: Note
    ) -> None:
        draft = make_note(seller=seller, state=NoteState.DRAFT, title="Unit 1")
        bare = make_note(seller=seller, state=NoteState.SUBMITTED, title="Unit 2")
        Note.objects.filter(pk=bare.pk).update(file=None)
        unchanged = Note.objects.filter(pk__in=[draft.pk, bare.pk]).order_by("pk")
        before = list(unchanged.values())

        response = act(desk, "publish", draft, submitted, bare)

        assert sorted(messages(response)) == [
            "1 published.",
            "Unit 1: A draft note cannot become published.",
            "Unit 2: Upload the PDF before you submit the note.",
        ]
        assert list(unchanged.values()) == before
        assert [row[0] for row in history()] == [submitted.pk]

    def test_of_nothing_changes_nothing(self, desk: Client, submitted: Note) -> None:
        before = everything()

        act(desk, "publish")

        assert everything() == before


class TestRejecting:
    def test_asks_for_the_reason_first(self, desk: Client, submitted: Note) -> None:
        before = everything()

        response = act(desk, "reject", submitted)

        page = response.content.decode()
        assert response.status_code == 200
        assert 'name="why"' in page
        assert submitted.title in page
        assert f'name="_selected_action" value="{submitted.pk}"' in page
        assert "errorlist" not in page
        assert everything() == before

    @pytest.mark.parametrize("why", ["", "   ", "x" * 501], ids=["none", "blank", "too long"])
    def test_asks_again_without_a_reason_it_can_keep(
        self, why: str, desk: Client, submitted: Note
    ) -> None:
        before = everything()

        response = act(desk, "reject", submitted, confirmed="yes", why=why)

        assert (response.status_code, 'name="why"' in response.content.decode()) == (200, True)
        assert "errorlist" in response.content.decode()
        assert everything() == before

    def test_sends_the_note_back_with_the_reason(
        self, desk: Client, submitted: Note, moderator: User
    ) -> None:
        response = act(desk, "reject", submitted, confirmed="yes", why="Pages 3 to 5 are cut off.")

        submitted.refresh_from_db()
        ((note_id, old, new, why, actor, _),) = history()
        assert (response.status_code, messages(response)) == (302, ["1 rejected."])
        assert (submitted.state, submitted.rejected_why) == (
            "rejected",
            "Pages 3 to 5 are cut off.",
        )
        assert (note_id, old, new, why, actor) == (
            submitted.pk,
            "submitted",
            "rejected",
            "Pages 3 to 5 are cut off.",
            moderator.pk,
        )

    def test_of_a_published_note_is_refused_in_words(self, desk: Client, note: Note) -> None:
        before = everything()

        response = act(desk, "reject", note, confirmed="yes", why="Too late.")

        assert messages(response) == [f"{note}: A published note cannot become rejected."]
        assert everything() == before


class TestResettingDownloads:
    @pytest.fixture
    def used_up(self, note: Note, buyer: User, now: datetime) -> NoteAccess:
        return NoteAccess.objects.create(
            note=note, buyer=buyer, reference=uuid4(), granted_at=now, downloads=20
        )

    def reset(self, group: str, access: NoteAccess) -> int:
        browser_of(staff(group)).post(
            "/admin/notes/noteaccess/",
            {"action": "reset_downloads", "_selected_action": [str(access.pk)]},
        )
        access.refresh_from_db()
        return access.downloads

    def test_is_for_support(self, used_up: NoteAccess) -> None:
        assert self.reset("Support", used_up) == 0

    @pytest.mark.parametrize("group", ["Moderator", "Auditor"])
    def test_is_not_for_others(self, group: str, used_up: NoteAccess) -> None:
        assert self.reset(group, used_up) == 20


class TestColleagues:
    @pytest.mark.parametrize("group", ["Support", "Auditor"])
    def test_who_may_only_look_are_not_given_the_pdf(self, group: str, submitted: Note) -> None:
        page = browser_of(staff(group)).get(f"{NOTES}{submitted.pk}/change/").content.decode()

        assert submitted.title in page
        assert "/files/" not in page

    @pytest.mark.parametrize("group", ["Support", "Auditor"])
    @pytest.mark.parametrize("action", ["publish", "reject"])
    def test_who_may_only_look_cannot_moderate(
        self, group: str, action: str, submitted: Note
    ) -> None:
        client = browser_of(staff(group))
        before = everything()

        page = client.get(NOTES).content.decode()
        act(client, action, submitted, confirmed="yes", why="I may not.")

        assert submitted.title in page
        assert f'value="{action}"' not in page
        assert everything() == before

    @pytest.mark.parametrize("group", [None, "Finance"])
    def test_of_no_such_group_see_nothing(self, group: str | None, submitted: Note) -> None:
        client = browser_of(staff(group))
        before = everything()

        statuses = [
            client.get(path).status_code
            for path in (
                NOTES,
                f"{NOTES}{submitted.pk}/change/",
                "/admin/notes/category/",
                "/admin/notes/noteaccess/",
            )
        ]
        act(client, "publish", submitted)

        assert statuses == [403] * 4
        assert NOTES not in client.get("/admin/").content.decode()
        assert everything() == before

    def test_who_are_none_are_sent_to_the_sign_in(self, submitted: Note, seller: User) -> None:
        for client in (Client(), browser_of(seller)):
            response = client.get(NOTES)
            assert (response.status_code, urlsplit(response["Location"]).path) == (
                302,
                reverse("admin:login"),
            )


class TestCategories:
    def test_are_added_by_moderators(self, desk: Client) -> None:
        response = desk.post(
            "/admin/notes/category/add/", {"name": "Civil Law", "slug": "civil-law"}
        )

        assert response.status_code == 302
        assert make_category("civil-law").name == "Civil Law"

    def test_are_never_deleted_by_them(self, desk: Client) -> None:
        law = make_category("law")

        response = desk.post(f"/admin/notes/category/{law.pk}/delete/", {"post": "yes"})

        assert (response.status_code, type(law).objects.count()) == (403, 1)


class TestAccesses:
    @pytest.fixture
    def grant(self, seller: User, now: datetime) -> Callable[[], NoteAccess]:
        def grant() -> NoteAccess:
            return NoteAccess.objects.create(
                note=make_note(seller=seller),
                buyer=make_user(f"buyer-{uuid4().hex[:6]}"),
                reference=uuid4(),
                granted_at=now,
            )

        return grant

    def test_cost_the_same_queries_for_ten_and_forty(
        self, desk: Client, grant: Callable[[], NoteAccess]
    ) -> None:
        counts = []
        for rows in (10, 40):
            for _ in range(rows - NoteAccess.objects.count()):
                grant()
            page, queries = counted(desk, "/admin/notes/noteaccess/")
            assert page.count("@example.com") >= rows
            counts.append(queries)

        assert counts[0] == counts[1] <= 12

    def test_are_found_by_what_they_were_granted_for(
        self, desk: Client, grant: Callable[[], NoteAccess]
    ) -> None:
        access, other = grant(), grant()

        page = desk.get("/admin/notes/noteaccess/", {"q": str(access.reference)}).content.decode()

        assert (str(access.pk) in page, str(other.pk) in page) == (True, False)

    def test_are_read_and_never_written(
        self, any_desk: Client, grant: Callable[[], NoteAccess]
    ) -> None:
        access = grant()
        one = f"/admin/notes/noteaccess/{access.pk}"

        statuses = [
            any_desk.get(f"{one}/change/").status_code,
            any_desk.post(f"{one}/change/", {"downloads": "0"}).status_code,
            any_desk.post(f"{one}/delete/", {"post": "yes"}).status_code,
            any_desk.get("/admin/notes/noteaccess/add/").status_code,
        ]

        assert statuses == [200, 403, 403, 403]
        assert NoteAccess.objects.count() == 1
