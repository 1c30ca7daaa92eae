"""What a seller is told of balances and sales, to the paisa.

A note of 9900 paise earns its seller 8415, one of 4900 earns 4165.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import refunds
from payments.ledger.balances import balances_of
from payments.selling.dashboard import dashboard
from payments.states import TransactionKind
from payments.tests.selling import fill, fill_ledger, move_payout, release, sell

pytestmark = pytest.mark.django_db

URL = "/api/v1/seller/dashboard"
NOTHING = {
    "sales": 0,
    "gross_paise": 0,
    "share_paise": 0,
    "refunded_paise": 0,
    "disputed_paise": 0,
    "net_paise": 0,
}
ONE_SOLD = {**NOTHING, "sales": 1, "gross_paise": 9900, "share_paise": 8415, "net_paise": 8415}


def look(seller, now, days=30):
    return dashboard(seller_id=seller.pk, days=days, now=now)


def plan_of(sql):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


def index_of(table, columns):
    with connection.cursor() as cursor:
        found = "SELECT indexname FROM pg_indexes WHERE tablename = %s AND indexdef LIKE %s"
        cursor.execute(found, [table, f"%{columns}"])
        ((name,),) = cursor.fetchall()
    return name


def give_back(payment, amount_paise, now):
    return refunds.give_back(payment=payment, amount_paise=amount_paise, why="test", now=now)


class TestASale:
    def test_is_pending_and_counted_on_its_day_and_by_its_note(
        self, seller, buyer, note, gateway, now
    ):
        sell(gateway, buyer=buyer, notes=[note], now=now)

        seen = look(seller, now, days=2)

        assert seen["balances"] == {
            "pending_paise": 8415,
            "available_paise": 0,
            "in_transit_paise": 0,
            "paid_out_paise": 0,
            "owed_paise": 0,
            "sentence": "",
        }
        assert seen["totals"] == ONE_SOLD
        assert seen["by_note"] == [{"note_id": note.pk, "title": note.title, **ONE_SOLD}]
        assert seen["other_notes"] == NOTHING
        assert seen["by_day"] == [
            {"day": date(2026, 11, 22), **NOTHING},
            {"day": date(2026, 11, 23), **ONE_SOLD},
        ]
        assert (seen["from"], seen["to"]) == (date(2026, 11, 22), date(2026, 11, 23))

    def test_of_several_sellers_shows_each_their_own(
        self, seller, stranger, buyer, note, gateway, now
    ):
        other = make_note(seller=stranger, price_paise=4900, title="Trees")
        sell(gateway, buyer=buyer, notes=[note, other], now=now)

        ours, theirs = look(seller, now), look(stranger, now)

        assert (ours["totals"]["share_paise"], theirs["totals"]["share_paise"]) == (8415, 4165)
        assert (ours["balances"]["pending_paise"], theirs["balances"]["pending_paise"]) == (
            8415,
            4165,
        )
        assert [row["title"] for row in ours["by_note"]] == [note.title]
        assert [row["title"] for row in theirs["by_note"]] == ["Trees"]
        assert [row["amount_paise"] for row in theirs["releases"]] == [4165]

    def test_belongs_to_the_indian_day_it_was_made_on(self, seller, buyer, note, gateway, now):
        midnight = datetime(2026, 11, 22, 18, 30, tzinfo=UTC)
        late, early = midnight - timedelta(seconds=1), midnight
        sell(gateway, buyer=buyer, notes=[note], now=late)
        sell(gateway, buyer=make_user("night-owl"), notes=[note], now=early)

        two, one = look(seller, now, days=2), look(seller, now, days=1)

        assert [(row["day"].day, row["sales"]) for row in two["by_day"]] == [(22, 1), (23, 1)]
        assert [(row["day"].day, row["sales"]) for row in one["by_day"]] == [(23, 1)]
        assert one["totals"]["sales"] == 1

    def test_beyond_the_ten_best_notes_is_counted_with_the_rest(self, seller, buyer, gateway, now):
        notes = [make_note(seller=seller, price_paise=100 * n) for n in range(1, 13)]
        for note in notes:
            sell(gateway, buyer=buyer, notes=[note], now=now)

        seen = look(seller, now)

        # 85 % of ₹12, 11, … 3, and of ₹2 and ₹1.
        assert [row["share_paise"] for row in seen["by_note"]] == [85 * n for n in range(12, 2, -1)]
        assert (seen["other_notes"]["sales"], seen["other_notes"]["share_paise"]) == (2, 255)
        assert seen["other_notes"]["gross_paise"] == 300


class TestARefund:
    def test_is_counted_against_the_share(self, seller, buyer, note, gateway, now, run_jobs):
        payment = sell(gateway, buyer=buyer, notes=[note], now=now)
        give_back(payment, 3300, now)
        run_jobs()

        seen = look(seller, now)

        # A third of the price takes a third of the share: 2805 of 8415.
        refunded = {"refunded_paise": 2805, "net_paise": 5610}
        assert seen["totals"] == {**ONE_SOLD, **refunded}
        assert seen["by_note"][0]["net_paise"] == 5610
        assert seen["balances"]["pending_paise"] == 5610
        assert seen["releases"] == [{"day": date(2026, 11, 30), "amount_paise": 5610}]

    def test_that_failed_counts_no_more(self, seller, buyer, note, gateway, now):
        payment = sell(gateway, buyer=buyer, notes=[note], now=now)
        refund = give_back(payment, 9900, now)
        refunds.fail_refund(refund_id=refund.pk, why="test", now=now)

        assert look(seller, now)["totals"] == ONE_SOLD

    def test_of_an_older_sale_counts_on_its_own_day(self, seller, buyer, note, gateway, now):
        payment = sell(gateway, buyer=buyer, notes=[note], now=now - timedelta(days=3))
        give_back(payment, 9900, now)

        totals = look(seller, now, days=1)["totals"]

        assert (totals["sales"], totals["refunded_paise"], totals["net_paise"]) == (0, 8415, -8415)

    def test_after_the_payout_leaves_a_balance_below_zero_and_says_so(
        self, seller, buyer, note, gateway, now
    ):
        payment = sell(gateway, buyer=buyer, notes=[note], now=now)
        release(payment.order.items.get(), now=now)
        payout_id = uuid4()
        for kind in (TransactionKind.PAYOUT_REQUESTED, TransactionKind.PAYOUT_PAID):
            move_payout(seller, 8415, kind, payout_id=payout_id, now=now)
        give_back(payment, 9900, now)

        balances = look(seller, now)["balances"]

        assert balances == {
            "pending_paise": 0,
            "available_paise": -8415,
            "in_transit_paise": 0,
            "paid_out_paise": 8415,
            "owed_paise": 8415,
            "sentence": (
                "Refunds and disputes took ₹84.15 more than your balance held. What leaves escrow "
                "next makes up for it; until then nothing can be paid out."
            ),
        }


class TestAPayout:
    def test_is_in_transit_until_it_is_paid(self, seller, buyer, note, gateway, now):
        payment = sell(gateway, buyer=buyer, notes=[note], now=now)
        release(payment.order.items.get(), now=now)
        first, second = uuid4(), uuid4()
        move_payout(seller, 5000, TransactionKind.PAYOUT_REQUESTED, payout_id=first, now=now)
        move_payout(seller, 5000, TransactionKind.PAYOUT_PAID, payout_id=first, now=now)
        move_payout(seller, 2000, TransactionKind.PAYOUT_REQUESTED, payout_id=second, now=now)

        balances = look(seller, now)["balances"]

        assert balances["available_paise"] == 1415
        assert balances["in_transit_paise"] == 2000
        assert balances["paid_out_paise"] == 5000


class TestReleases:
    def test_add_up_to_what_is_pending(self, seller, buyer, gateway, now):
        for days in (0, 1, 1):
            note = make_note(seller=seller)
            sell(gateway, buyer=buyer, notes=[note], now=now + timedelta(days=days))

        seen = look(seller, now + timedelta(days=1))

        assert seen["releases"] == [
            {"day": date(2026, 11, 30), "amount_paise": 8415},
            {"day": date(2026, 12, 1), "amount_paise": 16_830},
        ]
        assert seen["balances"]["pending_paise"] == 25_245

    def test_leave_out_what_has_gone_back_or_is_released(self, seller, buyer, gateway, now):
        payments = [
            sell(gateway, buyer=buyer, notes=[make_note(seller=seller)], now=now) for _ in range(2)
        ]
        give_back(payments[0], 9900, now)
        release(payments[1].order.items.get(), now=now)

        assert look(seller, now)["releases"] == []


class TestCost:
    def test_is_the_same_whatever_the_history(
        self, seller, buyer, note, gateway, now, django_assert_max_num_queries
    ):
        sell(gateway, buyer=buyer, notes=[note], now=now)
        with django_assert_max_num_queries(7):
            look(seller, now)
        fill(seller, entries=1000, now=now)

        with django_assert_max_num_queries(7):
            look(seller, now, days=365)

    @pytest.fixture
    def big_ledger(self, seller, now):
        """Of 300 sellers, and with a long history of the one."""
        others = [make_user(f"seller{number}", is_seller=True) for number in range(300)]
        fill(seller, entries=2000, now=now - timedelta(days=60))
        fill_ledger(sellers=[seller, *others], entries=10_000, now=now)

    def test_of_the_balances_is_one_query_by_index(self, seller, big_ledger):
        with CaptureQueriesContext(connection) as asked:
            balances = balances_of(seller.pk)

        assert balances == {"seller_pending": -1017, "seller_available": 1017}
        assert len(asked) == 1
        plan = plan_of(asked[0]["sql"])
        assert ("Index" in plan, "Seq Scan" in plan) == (True, False)

    def test_of_a_period_is_that_of_the_seller_s_own_entries_in_it(self, seller, big_ledger, now):
        with CaptureQueriesContext(connection) as asked:
            look(seller, now, days=1)

        of_entries = [q["sql"] for q in asked if "ledgerentry" in q["sql"]]
        assert len(of_entries) == 2
        for sql in of_entries:
            plan = plan_of(sql)
            assert "Seq Scan on payments_ledgerentry" not in plan
            assert "entries_of_account_by_time" in plan

    def test_of_the_releases_is_that_of_the_seller_s_own_escrow(self, seller, now):
        with connection.cursor() as cursor, CaptureQueriesContext(connection) as asked:
            cursor.execute("SET LOCAL enable_seqscan = off")
            # Of everybody's releases, and of all lines of a seller: as good as ours while there
            # are no rows.
            cursor.execute("DROP INDEX items_in_escrow")
            cursor.execute(f"DROP INDEX {index_of('payments_orderitem', '(seller_id)')}")
            look(seller, now)

        releases = next(q["sql"] for q in asked if "release_at" in q["sql"])
        assert "items_in_escrow_of_seller" in plan_of(releases)


class TestTheEndpoint:
    def test_shows_thirty_days_unless_told(self, client_of, seller):
        seen = client_of(seller).get(URL)

        assert (seen.status_code, len(seen.json()["by_day"])) == (200, 30)
        assert len(client_of(seller).get(URL, {"days": 365}).json()["by_day"]) == 365

    @pytest.mark.parametrize("days", ["0", "366", "-1", "many", ""])
    def test_refuses_other_periods(self, client_of, seller, days):
        refused = client_of(seller).get(URL, {"days": days})

        assert (refused.status_code, refused.json()["errors"][0]["param"]) == (400, "days")

    def test_is_for_sellers(self, client_of, buyer):
        refused = client_of(buyer).get(URL)

        assert (refused.status_code, refused.json()["code"]) == (403, "not_a_seller")
        assert client_of(None).get(URL).status_code == 401
