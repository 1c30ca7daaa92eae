"""Every entry of a seller's accounts, page by page and as a file."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from notevault.kit.pagination import paginate
from payments import refunds
from payments.selling import statement
from payments.states import TransactionKind
from payments.tests.selling import fill, fill_ledger, move_payout, release, sell

pytestmark = pytest.mark.django_db

URL = "/api/v1/seller/ledger"
FILE = "/api/v1/seller/ledger.csv"
PAYOUT_ID = UUID("0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9")


@pytest.fixture
def api(client_of, seller):
    return client_of(seller)


@pytest.fixture
def payment(seller, buyer, note, gateway, now):
    return sell(gateway, buyer=buyer, notes=[note], now=now)


@pytest.fixture
def story(payment, seller, now):
    """A sale, its release, a payout that is paid, and a refund after it."""
    for hours, happens in enumerate(
        (
            lambda at: release(payment.order.items.get(), now=at),
            lambda at: pay_out(seller, TransactionKind.PAYOUT_REQUESTED, at),
            lambda at: pay_out(seller, TransactionKind.PAYOUT_PAID, at),
            lambda at: refunds.give_back(payment=payment, amount_paise=9900, why="x", now=at),
        ),
        start=1,
    ):
        happens(now + timedelta(hours=hours))


def pay_out(seller, kind, at):
    move_payout(seller, 8000, kind, payout_id=PAYOUT_ID, now=at)


def told(api, **query):
    rows = api.get(URL, query).json()["items"]
    return [
        (row["account"], row["description"], row["amount_paise"], row["balance_after_paise"])
        for row in rows
    ]


def rows_of(response):
    body = b"".join(response.streaming_content)
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


class TestTheList:
    def test_tells_the_whole_story_newest_first(self, api, story, note):
        assert told(api) == [
            ("available", f"Refund of {note.title}", -8415, -8000),
            ("in_transit", "Payout of ₹80.00 paid to you", -8000, 0),
            ("in_transit", "Payout of ₹80.00 requested", 8000, 8000),
            ("available", "Payout of ₹80.00 requested", -8000, 415),
            ("available", f"Released from escrow: {note.title}", 8415, 8415),
            ("pending", f"Released from escrow: {note.title}", -8415, 0),
            ("pending", f"Sale of {note.title}", 8415, 8415),
        ]

    def test_names_the_order_the_note_and_the_payout(self, api, story, payment, note):
        rows = api.get(URL).json()["items"]

        sale, requested = rows[-1], rows[2]
        assert (sale["order_id"], sale["note_id"]) == (str(payment.order_id), str(note.pk))
        assert (sale["note_title"], sale["payout_id"]) == (note.title, None)
        assert (sale["kind"], sale["at"]) == ("sale", "2026-11-23T12:00:00Z")
        assert (requested["payout_id"], requested["order_id"]) == (str(PAYOUT_ID), None)

    def test_says_what_is_held_and_what_comes_back(self):
        said = [
            statement.describe(kind, title="Trees", amount_paise=-8415)
            for kind in ("dispute_held", "dispute_released", "refund_undone", "payout_undone")
        ]

        assert said == [
            "Held for a dispute: Trees",
            "No longer held for a dispute: Trees",
            "Refund of Trees was not made",
            "Payout of ₹84.15 came back to your balance",
        ]

    @pytest.mark.parametrize(
        ("account", "number"), [("pending", 2), ("available", 3), ("in_transit", 2)]
    )
    def test_can_be_of_one_account(self, api, story, account, number):
        rows = told(api, account=account)

        assert len(rows) == number
        assert {row[0] for row in rows} == {account}

    def test_pages_lose_and_repeat_nothing(self, api, story):
        whole, seen, cursor = told(api), [], None
        while True:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = api.get(URL, query).json()
            seen += [(row["account"], row["description"]) for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break

        assert seen == [row[:2] for row in whole]

    def test_days_are_indian_and_both_are_included(self, api, seller, buyer, gateway):
        midnight = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
        for title, seconds in (("before", -1), ("at", 0), ("late", 86_399), ("after", 86_400)):
            note = make_note(seller=seller, title=title)
            sell(gateway, buyer=buyer, notes=[note], now=midnight + timedelta(seconds=seconds))

        days = {"from": "2026-11-23", "to": "2026-11-23"}

        assert [row[1] for row in told(api, **days)] == ["Sale of late", "Sale of at"]
        assert [row[1] for row in told(api, to="2026-11-22")] == ["Sale of before"]
        assert [row[1] for row in told(api, **{"from": "2026-11-24"})] == ["Sale of after"]

    @pytest.mark.parametrize(
        ("param", "value"), [("account", "bank"), ("from", "yesterday"), ("limit", "101")]
    )
    def test_refuses_other_filters(self, api, param, value):
        refused = api.get(URL, {param: value})

        assert (refused.status_code, refused.json()["errors"][0]["param"]) == (400, param)

    def test_of_somebody_new_is_empty(self, api):
        assert api.get(URL).json() == {"items": [], "next_cursor": None}


class TestOtherPeople:
    def test_do_not_see_it(self, client_of, stranger, story):
        stranger.is_seller = True
        stranger.save()
        nosy = client_of(stranger)

        assert nosy.get(URL).json()["items"] == []
        assert rows_of(nosy.get(FILE)) == []

    def test_cannot_use_its_cursor(self, api, client_of, stranger, story):
        stranger.is_seller = True
        stranger.save()
        cursor = api.get(URL, {"limit": 2}).json()["next_cursor"]

        refused = client_of(stranger).get(URL, {"limit": 2, "cursor": cursor})

        assert (refused.status_code, refused.json()["code"]) == (404, "invalid_cursor")

    @pytest.mark.parametrize("url", [URL, FILE])
    def test_must_be_sellers(self, client_of, buyer, url):
        refused = client_of(buyer).get(url)

        assert (refused.status_code, refused.json()["code"]) == (403, "not_a_seller")
        assert client_of(None).get(url).status_code == 401


class TestTheFile:
    def test_has_the_same_entries_in_rupees_paise_and_indian_time(self, api, story, payment, note):
        response = api.get(FILE)
        rows = rows_of(response)

        assert [int(row["amount_paise"]) for row in rows] == [row[2] for row in told(api)]
        assert rows[-1] == {
            "time": "2026-11-23T17:30:00+05:30",
            "account": "pending",
            "kind": "sale",
            "description": f"Sale of {note.title}",
            "note": note.title,
            "order_id": str(payment.order_id),
            "payout_id": "",
            "amount_inr": "84.15",
            "amount_paise": "8415",
            "balance_after_inr": "84.15",
            "balance_after_paise": "8415",
        }
        assert (rows[0]["amount_inr"], rows[0]["balance_after_inr"]) == ("-84.15", "-80.00")
        assert response["Content-Type"] == "text/csv; charset=utf-8; header=present"
        assert response["Content-Disposition"].startswith(
            'attachment; filename="notevault-ledger-20'
        )
        assert response["Cache-Control"] == "private, no-store"

    def test_takes_the_filters_of_the_list(self, api, story):
        rows = rows_of(api.get(FILE, {"account": "in_transit", "to": "2026-11-23"}))

        assert [row["description"] for row in rows] == [
            "Payout of ₹80.00 paid to you",
            "Payout of ₹80.00 requested",
        ]

    def test_runs_no_title_as_a_formula(self, api, seller, buyer, gateway, now):
        note = make_note(seller=seller, title='=HYPERLINK("http://x.example")')
        sell(gateway, buyer=buyer, notes=[note], now=now)

        row = rows_of(api.get(FILE))[0]

        assert row["note"] == '\'=HYPERLINK("http://x.example")'

    def test_of_5000_entries_is_streamed_in_as_many_queries_as_it_has_thousands(
        self, api, seller, now
    ):
        fill(seller, entries=5000, now=now)
        response = api.get(FILE)
        assert response.streaming

        with CaptureQueriesContext(connection) as asked:
            chunks = list(response.streaming_content)

        lines = b"".join(chunks).splitlines()
        assert (len(lines), len(asked), len(chunks)) == (5001, 5, 6)
        amounts = [int(line.split(b",")[8]) for line in lines[1:]]
        assert (amounts.count(1), amounts.count(-1)) == (2500, 2500)


class TestCost:
    def test_of_a_page_is_one_query_that_reads_each_account_by_its_index(self, seller, now):
        others = [make_user(f"seller{number}", is_seller=True) for number in range(300)]
        fill_ledger(sellers=[seller, *others], entries=12_000, now=now)
        lists = statement.list_entries(seller.pk)

        with CaptureQueriesContext(connection) as asked:
            page = paginate(lists, sort=statement.NEWEST, filters={}, cursor=None, limit=20)

        assert (len(page.items), len(asked)) == (20, 1)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {asked[0]['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert plan.count("entries_of_account") == 2
        assert "Seq Scan on payments_ledgerentry" not in plan
