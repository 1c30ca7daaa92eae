"""Pages that neither lose nor repeat a row."""

from __future__ import annotations

import base64
import copy
from datetime import UTC, datetime, timedelta

import pytest
from rest_framework.exceptions import ValidationError

from notevault.kit.ids import uuid7
from notevault.kit.pagination import InvalidCursor, PageRequest, Sort, paginate
from notevault.kit.tests.problem_details import problem_of, refusal_of

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 1, tzinfo=UTC)
NEWEST = Sort("created_at")
OLDEST = Sort("created_at", descending=False)
DEAREST = Sort("price_paise")
CHEAPEST = Sort("price_paise", descending=False)
SORTS = [NEWEST, OLDEST, DEAREST, CHEAPEST]


@pytest.fixture
def model(note):
    return type(note)


@pytest.fixture
def add(note, model):
    def build(number, *, minutes=0, price_paise=100):
        fields = {"seller": note.seller, "category": note.category, "title": "A note"}
        at = START + timedelta(minutes=minutes)
        return model.objects.bulk_create(
            [model(price_paise=price_paise, created_at=at, **fields) for _ in range(number)]
        )

    return build


@pytest.fixture
def rows(model, add):
    """Twenty-five rows, many of them alike in what they are sorted by."""
    for minutes in range(5):
        add(3, minutes=minutes, price_paise=100 * (minutes % 2 + 1))
    add(10, minutes=2, price_paise=200)
    return model.objects.filter(state="draft").values("id", "created_at", "price_paise")


def walk(rows, *, sort, limit, filters=None, between=lambda: None):
    seen, cursor = [], None
    while True:
        page = paginate(rows, sort=sort, filters=filters or {}, cursor=cursor, limit=limit)
        assert len(page.items) <= limit
        seen += page.items
        if page.next_cursor is None:
            return seen
        cursor = page.next_cursor
        between()


class TestWalk:
    @pytest.mark.parametrize("sort", SORTS)
    @pytest.mark.parametrize("limit", [1, 4, 5, 24, 25, 26, 100])
    def test_gives_the_sorted_whole(self, rows, sort, limit):
        whole = list(rows)
        whole.sort(key=lambda row: (row[sort.field], row["id"]), reverse=sort.descending)

        assert walk(rows, sort=sort, limit=limit) == whole

    def test_ends_at_once_where_there_is_nothing(self, rows):
        page = paginate(rows.none(), sort=NEWEST, filters={}, cursor=None, limit=5)

        assert (page.items, page.next_cursor) == ([], None)

    def test_has_no_empty_last_page(self, rows):
        page = paginate(rows, sort=NEWEST, filters={}, cursor=None, limit=25)

        assert (len(page.items), page.next_cursor) == (25, None)

    def test_costs_one_query_a_page(self, rows, django_assert_num_queries):
        cursor = None
        for _ in range(3):
            with django_assert_num_queries(1):
                page = paginate(rows, sort=NEWEST, filters={}, cursor=cursor, limit=5)
            cursor = page.next_cursor

    @pytest.mark.parametrize("sort", SORTS)
    def test_repeats_nothing_when_rows_are_added_meanwhile(self, rows, add, sort):
        before = {row["id"] for row in rows}

        def insert():
            add(1, minutes=-1, price_paise=100)
            add(1, minutes=2, price_paise=200)
            add(1, minutes=99, price_paise=900)

        seen = [row["id"] for row in walk(rows, sort=sort, limit=4, between=insert)]

        assert len(seen) == len(set(seen))
        assert before <= set(seen)

    def test_loses_nothing_else_when_a_row_goes_meanwhile(self, rows, model):
        whole = [row["id"] for row in rows.order_by("created_at", "id")]
        page = paginate(rows, sort=OLDEST, filters={}, cursor=None, limit=5)
        model.objects.filter(pk=whole[4]).delete()  # the row that the cursor names

        rest = paginate(rows, sort=OLDEST, filters={}, cursor=page.next_cursor, limit=100)

        assert [row["id"] for row in rest.items] == whole[5:]

    def test_tells_microseconds_apart(self, rows, model):
        for position, row in enumerate(rows.order_by("id")):
            at = START + timedelta(microseconds=position)
            model.objects.filter(pk=row["id"]).update(created_at=at)

        seen = walk(rows, sort=NEWEST, limit=1)

        assert [row["created_at"].microsecond for row in seen] == list(range(24, -1, -1))


class TestCursor:
    FILTERS = {"category": "law", "seller": None}

    @pytest.fixture
    def cursor(self, rows):
        page = paginate(rows, sort=NEWEST, filters=self.FILTERS, cursor=None, limit=5)
        return page.next_cursor

    def use(self, rows, cursor, *, sort=NEWEST, filters=FILTERS, limit=5):
        return paginate(rows, sort=sort, filters=filters, cursor=cursor, limit=limit)

    def test_may_be_used_with_another_limit(self, rows, cursor):
        assert len(self.use(rows, cursor, limit=100).items) == 20

    def test_may_be_used_twice(self, rows, cursor):
        assert self.use(rows, cursor) == self.use(rows, cursor)

    def test_does_not_mind_the_order_of_filters(self, rows, cursor):
        swapped = dict(reversed(self.FILTERS.items()))

        assert len(self.use(rows, cursor, filters=swapped).items) == 5

    @pytest.mark.parametrize(
        "other",
        [
            {"filters": {}},
            {"filters": {"category": "law"}},
            {"filters": {"category": "biology", "seller": None}},
            {"filters": {"category": "law", "seller": "x"}},
            {"sort": OLDEST},
            {"sort": DEAREST},
        ],
    )
    def test_is_refused_under_other_filters_or_another_sort(self, rows, cursor, other):
        with pytest.raises(InvalidCursor):
            self.use(rows, cursor, **other)

    def test_is_refused_when_any_of_it_was_changed(self, rows, cursor):
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

        for position in range(len(raw)):
            changed = bytearray(raw)
            changed[position] ^= 1
            with pytest.raises(InvalidCursor):
                self.use(rows, base64.urlsafe_b64encode(changed).decode().rstrip("="))

    @pytest.mark.parametrize(
        "given", ["x", "=", "====", "é", "a" * 600, "AAAA", "\x00", "null", "W10", " "]
    )
    def test_is_refused_when_it_was_made_up(self, rows, given):
        with pytest.raises(InvalidCursor):
            self.use(rows, given)

    def test_is_refused_after_another_secret_key(self, rows, cursor, settings):
        settings.SECRET_KEY = "another-key-that-is-long-enough-to-be-accepted"

        with pytest.raises(InvalidCursor):
            self.use(rows, cursor)

    def test_is_what_the_api_accepts(self, rows):
        for sort in SORTS:
            cursor = paginate(rows, sort=sort, filters={}, cursor=None, limit=1).next_cursor
            assert PageRequest(data={"cursor": cursor}).is_valid()


class TestPageRequest:
    def test_has_twenty_rows_by_default(self):
        request = PageRequest(data={})

        assert request.is_valid()
        assert request.validated_data == {"limit": 20}

    @pytest.mark.parametrize("limit", ["0", "-1", "101", "1.5", "many", "", "9" * 40, "1\x00"])
    def test_refuses_a_limit_that_is_out_of_bounds(self, limit):
        with pytest.raises(ValidationError) as refusal:
            PageRequest(data={"limit": limit}).is_valid(raise_exception=True)

        assert list(refusal.value.detail) == ["limit"]


class TestOverTheApi:
    @pytest.fixture
    def notes(self, note, model):
        """Seven published notes, alike in all but their ids."""
        twins = [copy.copy(note) for _ in range(6)]
        for twin in twins:
            twin.pk, twin._state.adding = uuid7(), True
        model.objects.bulk_create(twins)
        return model.objects.filter(state="published")

    def get(self, client, **query):
        return client.get("/api/v1/notes", query)

    def test_walks_every_note_once(self, client, notes):
        seen, query = [], {"limit": 3}
        for _ in range(3):
            body = self.get(client, **query).json()
            seen += [row["id"] for row in body["items"]]
            query["cursor"] = body["next_cursor"]

        assert body["next_cursor"] is None
        assert sorted(seen) == sorted(str(row.pk) for row in notes)

    def test_refuses_a_cursor_of_another_list(self, client, client_of, seller, notes):
        cursor = self.get(client, limit=3).json()["next_cursor"]

        answers = [
            self.get(client, limit=3, cursor=cursor, sort="price_low"),
            self.get(client, limit=3, cursor=cursor, category="computer-science"),
            self.get(client, limit=3, cursor="x"),
            self.get(client, limit=3, cursor=cursor + "="),
            self.get(client, limit=3, cursor=cursor[:-1] + ("A" if cursor[-1] != "A" else "B")),
            client_of(seller).get("/api/v1/seller/notes", {"cursor": cursor}),
            client_of(seller).get("/api/v1/library", {"cursor": cursor}),
            client_of(seller).get("/api/v1/orders", {"cursor": cursor}),
        ]

        assert [refusal_of(answer) for answer in answers] == [
            *[(404, "invalid_cursor")] * 2,
            *[(400, "validation_failed")] * 2,
            *[(404, "invalid_cursor")] * 4,
        ]

    def test_refuses_a_cursor_of_another_caller(self, client_of, seller, stranger, notes):
        type(stranger).objects.filter(pk=stranger.pk).update(is_seller=True)
        mine = client_of(seller).get("/api/v1/seller/notes", {"limit": 3}).json()

        answer = client_of(stranger).get("/api/v1/seller/notes", {"cursor": mine["next_cursor"]})

        assert refusal_of(answer) == (404, "invalid_cursor")

    @pytest.mark.parametrize("query", [{"limit": "-1"}, {"limit": "101"}, {"limit": "0"}])
    def test_names_the_parameter_that_is_wrong(self, client, notes, query):
        problem = problem_of(self.get(client, **query))

        assert problem["code"] == "validation_failed"
        assert [row["param"] for row in problem["errors"]] == ["limit"]


class TestSeveralLists:
    """Merged page by page, as if they were one."""

    @pytest.mark.parametrize("limit", [1, 4, 25, 100])
    @pytest.mark.parametrize("sort", SORTS)
    def test_give_what_one_list_of_them_all_gives(self, rows, sort, limit):
        parts = [rows.filter(price_paise=100), rows.filter(price_paise=200), rows.none()]

        assert walk(parts, sort=sort, limit=limit) == list(rows.order_by(*sort.ordering))

    def test_cost_one_query_a_page(self, rows, django_assert_num_queries):
        parts = [rows.filter(price_paise=100), rows.filter(price_paise=200)]

        with django_assert_num_queries(1):
            page = paginate(parts, sort=NEWEST, filters={}, cursor=None, limit=10)

        assert len(page.items) == 10
