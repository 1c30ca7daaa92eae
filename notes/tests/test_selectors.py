"""The reads of the catalogue, each of them one query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from notes import selectors
from notes.models import Note, NoteAccess
from notes.selectors import NoteNotFound
from notes.states import NoteState
from notes.tests.factories import PUBLISHED_AT, make_category, make_note
from notevault.accounts.models import User

HIDDEN = [state for state in NoteState if state != NoteState.PUBLISHED]


def grant(buyer: User, note: Note, now: datetime, **fields: Any) -> NoteAccess:
    return NoteAccess.objects.create(
        note=note, buyer=buyer, reference=uuid4(), granted_at=now, **fields
    )


def ids(rows: Any) -> set[UUID]:
    return {row["id"] for row in rows}


class TestPublishedNotes:
    def test_are_all_there_is_to_see(
        self, note: Note, seller: User, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        for state in HIDDEN:
            make_note(seller=seller, state=state)

        with django_assert_num_queries(1):
            rows = list(selectors.list_published())

        assert [selectors.shape(row) for row in rows] == [
            {
                "id": note.pk,
                "title": "Operating Systems: scheduling",
                "description": "Unit 2 with solved questions.",
                "university": "",
                "course": "",
                "semester": None,
                "language": "en",
                "price_paise": 9900,
                "page_count": 12,
                "sales_count": 0,
                "published_at": PUBLISHED_AT,
                "category": "computer-science",
                "seller_name": "Seller",
            }
        ]

    @pytest.mark.parametrize(
        "wanted",
        [
            {"category": "physics"},
            {"university": "University of DELHI"},
            {"language": "hi"},
            {"semester": 3},
            {"min_price": 20_000},
            {"max_price": 5_000},
        ],
        ids=lambda wanted: next(iter(wanted)),
    )
    def test_are_narrowed_by(self, seller: User, wanted: dict[str, Any]) -> None:
        match = {
            "category": {"category": make_category("physics")},
            "university": {"university": "University of Delhi"},
            "language": {"language": "hi"},
            "semester": {"semester": 3},
            "min_price": {"price_paise": 20_000},
            "max_price": {"price_paise": 5_000},
        }[next(iter(wanted))]
        make_note(seller=seller, semester=4, university="University of Delhi, North")
        found = make_note(seller=seller, **match)

        assert ids(selectors.list_published(**wanted)) == {found.pk}

    def test_are_narrowed_by_their_seller(self, note: Note, stranger: User) -> None:
        make_note(seller=stranger)

        assert ids(selectors.list_published(seller=note.seller_id)) == {note.pk}

    def test_are_narrowed_by_all_filters_together(self, seller: User) -> None:
        both = make_note(seller=seller, language="hi", semester=3)
        make_note(seller=seller, language="hi", semester=4)
        make_note(seller=seller, language="en", semester=3)

        assert ids(selectors.list_published(language="hi", semester=3)) == {both.pk}

    @pytest.mark.parametrize(
        ("bounds", "prices"),
        [
            ({"min_price": 100}, {100, 101}),
            ({"max_price": 100}, {0, 100}),
            ({"min_price": 100, "max_price": 100}, {100}),
            ({"max_price": 0}, {0}),
            ({"min_price": 101, "max_price": 100}, set()),
        ],
    )
    def test_are_bounded_by_price_with_the_bounds_themselves(
        self, seller: User, bounds: dict[str, int], prices: set[int]
    ) -> None:
        for price in (0, 100, 101):
            make_note(seller=seller, price_paise=price)

        found = selectors.list_published(**bounds)

        assert {row["price_paise"] for row in found} == prices

    def test_are_found_by_id(self, note: Note, seller: User) -> None:
        make_note(seller=seller)

        found = selectors.get_published(note.pk)

        assert found == selectors.shape(selectors.list_published().get(pk=note.pk))

    @pytest.mark.parametrize("state", HIDDEN)
    def test_in_another_state_are_not_found(self, seller: User, state: NoteState) -> None:
        hidden = make_note(seller=seller, state=state)

        with pytest.raises(NoteNotFound):
            selectors.get_published(hidden.pk)


class TestASellersNotes:
    def test_are_their_own_in_every_state(
        self, seller: User, stranger: User, django_assert_num_queries: Callable[[int], Any]
    ) -> None:
        own = {make_note(seller=seller, state=state).pk for state in NoteState}
        make_note(seller=stranger)

        with django_assert_num_queries(1):
            rows = list(selectors.list_of_seller(seller.pk))

        assert ids(rows) == own
        assert {row["state"] for row in rows} == set(NoteState)

    def test_can_be_narrowed_to_a_state(self, seller: User) -> None:
        make_note(seller=seller)
        rejected = make_note(seller=seller, state=NoteState.REJECTED, rejected_why="Cut off.")

        (row,) = selectors.list_of_seller(seller.pk, state=NoteState.REJECTED)

        assert (row["id"], row["rejected_why"]) == (rejected.pk, "Cut off.")

    def test_are_found_by_nobody_else(self, note: Note, stranger: User) -> None:
        assert selectors.get_of_seller(note_id=note.pk, seller_id=note.seller_id)["id"] == note.pk
        with pytest.raises(NoteNotFound):
            selectors.get_of_seller(note_id=note.pk, seller_id=stranger.pk)


class TestALibrary:
    def test_holds_what_its_owner_may_read_now(
        self,
        note: Note,
        seller: User,
        buyer: User,
        stranger: User,
        now: datetime,
        django_assert_num_queries: Callable[[int], Any],
    ) -> None:
        access = grant(buyer, note, now, downloads=3)
        grant(buyer, make_note(seller=seller), now, revoked_at=now + timedelta(days=1))
        grant(stranger, make_note(seller=seller), now)

        with django_assert_num_queries(1):
            rows = list(selectors.list_library(buyer.pk))

        assert rows == [
            {
                "id": access.pk,
                "note_id": note.pk,
                "granted_at": now,
                "downloads": 3,
                "title": "Operating Systems: scheduling",
                "page_count": 12,
                "seller_name": "Seller",
            }
        ]

    def test_counts_the_pages_of_the_version_that_its_owner_reads(
        self, note: Note, buyer: User, now: datetime
    ) -> None:
        grant(buyer, note, now)
        Note.objects.update(state=NoteState.WITHDRAWN, page_count=90)

        (row,) = selectors.list_library(buyer.pk)

        assert row["page_count"] == 12

    def test_says_which_notes_of_a_cart_are_owned(
        self, note: Note, seller: User, buyer: User, stranger: User, now: datetime
    ) -> None:
        revoked, elses, wanted = (make_note(seller=seller) for _ in range(3))
        grant(buyer, note, now)
        grant(buyer, revoked, now, revoked_at=now)
        grant(stranger, elses, now)

        owned = selectors.owned_notes(
            buyer_id=buyer.pk, note_ids=[note.pk, revoked.pk, elses.pk, wanted.pk]
        )

        assert owned == {note.pk}


class TestCategories:
    def test_are_listed_by_name(self, db: None) -> None:
        for slug in ("physics", "law", "mathematics"):
            make_category(slug)

        assert list(selectors.list_categories()) == [
            {"slug": "law", "name": "Law"},
            {"slug": "mathematics", "name": "Mathematics"},
            {"slug": "physics", "name": "Physics"},
        ]
