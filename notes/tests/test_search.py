"""Finding a note by words, by a slip of the pen, and by what was typed so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from rest_framework.test import APIClient

from notes import search, selectors
from notes.models import Note
from notes.states import NoteState
from notes.tests.factories import make_note
from notevault.accounts.models import User
from notevault.db import prepared
from notevault.kit import pagination

SEARCH = "/api/v1/search"
SUGGEST = "/api/v1/search/suggest"

pytestmark = pytest.mark.django_db


def forget_statements() -> None:
    prepared.statement.cache_clear()
    pagination.statement.cache_clear()


@pytest.fixture
def written_anew() -> Iterator[None]:
    """Queries with what the test has changed, which the next test does not see."""
    forget_statements()
    yield
    forget_statements()


@pytest.fixture
def chemistry(seller: User) -> Note:
    return make_note(
        seller=seller,
        title="Organic Chemistry: reactions of alkenes",
        description="Every mechanism drawn, with mnemonics.",
        university="University of Delhi",
        course="B.Sc. Chemistry",
    )


@pytest.fixture
def physics(seller: User) -> Note:
    return make_note(
        seller=seller,
        title="Quantum Physics in pictures",
        description="For those who liked chemistry better.",
        university="University of Mumbai",
        course="B.Sc. Physics",
        price_paise=4900,
    )


def found(client: APIClient, q: str, **filters: Any) -> list[str]:
    answer = client.get(SEARCH, {"q": q, **filters})
    assert answer.status_code == 200, answer.json()
    return [item["title"] for item in answer.json()["items"]]


class TestASearch:
    @pytest.mark.parametrize(
        "q",
        [
            "organic",
            "reaction alkene",  # stems
            "ORGANIC CHEMISTRY",
            "mnemonics",  # in the description only
            "delhi",
            '"reactions of alkenes"',
            "chemestry organic",  # a slip
            "orgnic",
            "alkeens",
            "Oragnic",  # two letters in each other's place
            "cehmistry",
            "alknees of reactions",
            "mnemoincs",
        ],
    )
    def test_finds(self, client: APIClient, chemistry: Note, physics: Note, q: str) -> None:
        assert chemistry.title in found(client, q)

    @pytest.mark.parametrize(
        "q",
        [
            "botany",
            '"alkenes of reactions"',
            '"oragnic chemistry"',
            "oragnic -alkenes",
            "oragnic botany",
            "organic -alkenes",
            "-botany",
            "organic or -botany",
            "::",
            "%_",
        ],
    )
    def test_does_not_find(self, client: APIClient, chemistry: Note, q: str) -> None:
        assert found(client, q) == []

    def test_puts_a_title_before_a_description(
        self, client: APIClient, physics: Note, chemistry: Note
    ) -> None:
        assert found(client, "chemistry") == [chemistry.title, physics.title]

    def test_shows_a_note_as_the_catalogue_does(self, client: APIClient, chemistry: Note) -> None:
        listed = client.get("/api/v1/notes").json()

        assert client.get(SEARCH, {"q": "organic"}).json() == listed

    def test_is_narrowed_like_the_catalogue(
        self, client: APIClient, chemistry: Note, physics: Note
    ) -> None:
        assert found(client, "chemistry", max_price=5000) == [physics.title]
        assert found(client, "chemistry", university="university of delhi") == [chemistry.title]

    @pytest.mark.parametrize("state", [s for s in NoteState if s != NoteState.PUBLISHED])
    def test_finds_nothing_that_is_not_on_sale(
        self, client: APIClient, seller: User, state: str
    ) -> None:
        make_note(seller=seller, title="Organic Chemistry", state=state)

        assert found(client, "organic") == []
        assert client.get(SUGGEST, {"q": "organic"}).json() == {"items": []}

    def test_is_walked_to_its_end_without_a_gap(self, client: APIClient, seller: User) -> None:
        titles = {f"Organic Chemistry, unit {n}" for n in range(7)}
        for title in titles:
            make_note(seller=seller, title=title)
        seen: list[str] = []
        query: dict[str, Any] = {"q": "organic", "limit": 3}

        while True:
            page = client.get(SEARCH, query).json()
            seen += [item["title"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]

        assert (len(seen), set(seen)) == (7, titles)

    def test_goes_on_by_the_way_it_began(self, client: APIClient, seller: User) -> None:
        """A note with the very words comes between two pages of notes spelt nearly so."""
        titles = [f"Organic Chemistry, unit {n}" for n in range(3)]
        for title in titles:
            make_note(seller=seller, title=title)
        first = client.get(SEARCH, {"q": "orgnic", "limit": 2}).json()
        make_note(seller=seller, title="Orgnic")

        query = {"q": "orgnic", "limit": 2, "cursor": first["next_cursor"]}
        second = client.get(SEARCH, query).json()

        seen = [item["title"] for item in (*first["items"], *second["items"])]
        assert set(seen) - {"Orgnic"} == set(titles)

    @pytest.mark.usefixtures("written_anew")
    def test_is_given_up_when_it_takes_long(
        self, client: APIClient, chemistry: Note, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search, "LONGEST_MS", 1)
        slow = RawSQL("SELECT pg_sleep(1) IS NOT NULL", (), BooleanField())
        listed = selectors.published
        monkeypatch.setattr(selectors, "published", lambda **kw: listed(**kw).filter(slow))

        answer = client.get(SEARCH, {"q": "organic"})

        assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
        assert "Retry-After" in answer

    def test_takes_words_that_some_note_has_for_well_spelt(
        self, client: APIClient, seller: User
    ) -> None:
        make_note(seller=seller, title="Organik Chemistry")
        assert found(client, "organic") == ["Organik Chemistry"]

        make_note(seller=seller, title="Organic Chemistry")

        assert found(client, "organic") == ["Organic Chemistry"]
        assert "Organic Chemistry" in found(client, "orgnic")

    def test_refuses_the_cursor_of_another_search(self, client: APIClient, seller: User) -> None:
        for n in range(2):
            make_note(seller=seller, title=f"Organic Chemistry {n}")
        cursor = client.get(SEARCH, {"q": "organic", "limit": 1}).json()["next_cursor"]

        answer = client.get(SEARCH, {"q": "chemistry", "limit": 1, "cursor": cursor})

        assert (answer.status_code, answer.json()["code"]) == (404, "invalid_cursor")

    @pytest.mark.usefixtures("written_anew")
    def test_ranks_the_best_sold_of_too_many(
        self, client: APIClient, seller: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search, "MOST_RANKED", 2)
        for sales in (5, 1, 9):
            make_note(seller=seller, title=f"Organic, sold {sales}", sales_count=sales)

        assert set(found(client, "organic")) == {"Organic, sold 5", "Organic, sold 9"}

    @pytest.mark.parametrize(
        ("query", "param"),
        [({}, "q"), ({"q": "a"}, "q"), ({"q": "a" * 101}, "q"), ({"q": "a\x00b"}, "q")],
        ids=["nothing", "one letter", "101 letters", "NUL"],
    )
    @pytest.mark.parametrize("path", [SEARCH, SUGGEST])
    def test_refuses(self, client: APIClient, path: str, query: dict[str, str], param: str) -> None:
        answer = client.get(path, query)

        assert answer.status_code == 400
        assert [error["param"] for error in answer.json()["errors"]] == [param]


class TestItsQueries:
    @pytest.mark.parametrize("notes", [1, 12, 25])
    def test_do_not_grow_with_what_is_found(
        self,
        client: APIClient,
        seller: User,
        django_assert_num_queries: Callable[[int], Any],
        notes: int,
    ) -> None:
        for n in range(notes):
            make_note(seller=seller, title=f"Organic Chemistry {n}")

        with django_assert_num_queries(4):  # a transaction, its setting, the page
            found(client, "organic", limit=100)
        with django_assert_num_queries(5):
            found(client, "orgnic", limit=100)
        with django_assert_num_queries(4):
            client.get(SUGGEST, {"q": "organic"})

    @pytest.mark.parametrize("q", ["-organic", "organic or -botany"])
    def test_read_no_row_for_what_is_only_left_out(self, chemistry: Note, q: str) -> None:
        plan = search._with_words(Note.objects.all(), q).explain(analyze=True)

        assert "One-Time Filter: false" in plan

    def test_can_use_both_indexes(self, chemistry: Note) -> None:
        # So few rows are read by any index, and what was not merged yet makes one dear.
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT gin_clean_pending_list('note_words'),"
                " gin_clean_pending_list('note_trigrams')"
            )
            cursor.execute(
                "DROP INDEX note_newest, note_by_price, note_most_sold, note_newest_of_category"
            )
            cursor.execute("SET LOCAL enable_seqscan = off")

        plan = search.found_nearly(q="organic", swapped="oragnic").explain()

        assert "note_words" in plan, plan
        assert "note_trigrams" in plan


class TestSuggestions:
    def suggested(self, client: APIClient, q: str) -> list[str]:
        items: list[str] = client.get(SUGGEST, {"q": q}).json()["items"]
        return items

    @pytest.mark.parametrize("q", ["or", "organ", "Organic Chem", "orgnic chemi", "alkenes"])
    def test_follow_what_was_typed(
        self, client: APIClient, chemistry: Note, physics: Note, q: str
    ) -> None:
        assert self.suggested(client, q) == [chemistry.title]

    def test_hold_what_was_typed(self, client: APIClient, chemistry: Note) -> None:
        assert self.suggested(client, "delhi") == []

    def test_name_a_title_once(self, client: APIClient, seller: User) -> None:
        make_note(seller=seller, title="Organic Chemistry")
        make_note(seller=seller, title="ORGANIC chemistry")

        assert len(self.suggested(client, "organic")) == 1

    def test_are_at_most_eight(self, client: APIClient, seller: User) -> None:
        for n in range(10):
            make_note(seller=seller, title=f"Organic Chemistry {n}")

        assert len(self.suggested(client, "organic")) == 8
