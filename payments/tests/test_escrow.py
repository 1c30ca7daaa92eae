"""A seller's share leaves escrow when its week is over, once, and only what is left of it.

The note of the tests costs 9900 paise, of which 8415 are the seller's.
"""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import escrow, refunds, reversals, tasks
from payments.ledger import journal
from payments.ledger.balances import balances_of
from payments.models import Dispute, LedgerTransaction, OrderItem
from payments.states import TransactionKind
from payments.tests.factories import make_order, settled_payment

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


@pytest.fixture
def payment(buyer, note, gateway, now):
    return settled_payment(buyer=buyer, notes=[note], gateway=gateway, now=now)


@pytest.fixture
def item(payment):
    return payment.order.items.get()


def release(now, **options):
    return [(batch.lines, batch.paise) for batch in escrow.release_due(now=now, **options)]


def releases():
    return LedgerTransaction.objects.filter(kind=TransactionKind.ESCROW_RELEASE)


class TestAShareInEscrow:
    def test_is_kept_until_the_last_second_of_its_week(self, item, seller, now):
        assert release(now + WEEK - SECOND) == []

        item.refresh_from_db()
        assert item.released_at is None
        assert balances_of(seller.pk) == {"seller_pending": 8415}

    def test_is_available_from_then_on(self, item, seller, now):
        assert release(now + WEEK) == [(1, 8415)]

        item.refresh_from_db()
        assert item.released_at == now + WEEK
        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 8415}

    def test_is_released_once(self, item, seller, now):
        release(now + WEEK)

        assert release(now + WEEK + SECOND) == []

        item.refresh_from_db()
        assert item.released_at == now + WEEK
        assert releases().count() == 1

    def test_is_posted_for_its_line_and_order(self, item, now):
        release(now + WEEK)

        made = releases().get()
        assert (made.subject_id, made.order_id, made.at) == (item.pk, item.order_id, now + WEEK)
        assert list(made.entries.values_list("item_id", "amount_paise").order_by("pk")) == [
            (item.pk, -8415),
            (item.pk, 8415),
        ]

    def test_of_an_unpaid_order_is_never_due(self, buyer, note, gateway, now):
        make_order(buyer=buyer, notes=[note], now=now)

        assert release(now + 52 * WEEK) == []

    def test_of_a_free_note_is_released_with_nothing_to_post(self, buyer, seller, gateway, now):
        make_order(buyer=buyer, notes=[make_note(seller=seller, price_paise=0)], now=now)

        assert release(now + WEEK) == [(1, 0)]

        assert OrderItem.objects.get().released_at == now + WEEK
        assert not releases().exists()


class TestALineThatWasRefunded:
    def refund(self, payment, amount_paise, now, run_jobs):
        refunds.give_back(payment=payment, amount_paise=amount_paise, why="test", now=now)
        run_jobs()

    def test_in_part_releases_what_is_left(self, payment, item, seller, now, run_jobs):
        self.refund(payment, 3300, now, run_jobs)

        release(now + WEEK)

        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 5610}

    def test_whole_is_released_with_nothing_to_post(self, payment, item, seller, now, run_jobs):
        self.refund(payment, 9900, now, run_jobs)

        assert release(now + WEEK) == [(1, 0)]

        item.refresh_from_db()
        assert item.released_at == now + WEEK
        assert balances_of(seller.pk) == {"seller_pending": 0}
        assert not releases().exists()

    def test_after_its_release_debits_the_seller(self, payment, item, seller, now, run_jobs):
        release(now + WEEK)

        self.refund(payment, 9900, now + WEEK + SECOND, run_jobs)

        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 0}


class TestALineUnderADispute:
    @pytest.fixture
    def hold(self, payment, item, now):
        """4950 paise, half of the price, are held."""
        dispute = Dispute.objects.create(
            payment=payment,
            gateway_dispute_id="disp_1",
            amount_paise=4950,
            held_paise=4950,
            created_at=now,
        )
        taken = reversals.reverse_lines(lines={item.pk: 4950}, dispute=dispute, now=now)
        journal.record_dispute_held(dispute=dispute, payment=payment, reversals=taken, now=now)
        return dispute

    def win(self, dispute, now):
        undone = reversals.undo(dispute.reversals.all(), now=now)
        journal.record_dispute_released(
            dispute=dispute, payment=dispute.payment, reversals=undone, now=now
        )

    def test_releases_what_is_not_held(self, hold, seller, now):
        assert release(now + WEEK) == [(1, 4207)]

        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 4207}

    def test_that_is_won_later_is_available_at_once(self, hold, seller, now):
        release(now + WEEK)

        self.win(hold, now + 2 * WEEK)

        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 8415}
        assert release(now + 2 * WEEK) == []

    def test_that_is_won_before_the_week_is_over_waits_for_its_end(self, hold, seller, now):
        self.win(hold, now + SECOND)

        assert balances_of(seller.pk) == {"seller_pending": 8415}
        assert release(now + WEEK) == [(1, 8415)]


class TestMany:
    @pytest.fixture
    def sell_many(self, gateway, now):
        def sell_many(count, *, after=timedelta()):
            """Each to a buyer, and by a seller, of its own."""
            for number in range(count):
                name = f"{number}-after-{after.seconds}"
                note = make_note(seller=make_user(f"seller-{name}", is_seller=True))
                buyer = make_user(f"buyer-{name}")
                settled_payment(buyer=buyer, notes=[note], gateway=gateway, now=now + after)

        return sell_many

    def queries(self, now):
        with CaptureQueriesContext(connection) as captured:
            escrow.release_batch(now=now)
        return len(captured)

    def test_cost_as_many_queries_as_one(self, sell_many, now):
        sell_many(1)
        for_one = self.queries(now + WEEK)
        sell_many(6, after=SECOND)

        for_six = self.queries(now + WEEK + SECOND)

        assert not OrderItem.objects.filter(released_at=None).exists()
        assert for_six == for_one

    def test_are_released_the_oldest_first_up_to_a_limit(self, sell_many, now):
        sell_many(6, after=SECOND)
        sell_many(2)

        assert release(now + WEEK + SECOND, limit=3) == [(3, 3 * 8415)]

        left = OrderItem.objects.filter(released_at=None)
        assert left.count() == 5
        assert {line.release_at for line in left} == {now + SECOND + WEEK}

    def test_are_released_batch_by_batch(self, sell_many, now, monkeypatch):
        sell_many(3)
        monkeypatch.setattr(escrow, "BATCH", 2)

        assert release(now + WEEK) == [(2, 2 * 8415), (1, 8415)]


class TestTheHourlyJob:
    def test_releases_what_is_due_today(self, item, now, time_machine):
        time_machine.move_to(now + WEEK)

        tasks.release_escrow()

        item.refresh_from_db()
        assert item.released_at is not None


class TestTheCommand:
    def run(self, *args):
        out = io.StringIO()
        call_command("release_escrow", *args, stdout=out)
        return out.getvalue().strip()

    def test_says_what_it_released(self, item, now, time_machine):
        time_machine.move_to(now + WEEK)

        assert self.run() == "1 lines, ₹84.15 released."
        assert self.run() == "0 lines, ₹0.00 released."

    def test_changes_nothing_in_a_dry_run(self, item, now, time_machine):
        time_machine.move_to(now + WEEK)

        assert self.run("--dry-run") == "1 lines, ₹84.15 due; dry run, nothing was changed."

        item.refresh_from_db()
        assert item.released_at is None
        assert not releases().exists()

    def test_refuses_a_limit_of_nothing(self, item):
        with pytest.raises(CommandError) as refusal:
            self.run("--limit", "0")

        assert refusal.value.returncode == 2
