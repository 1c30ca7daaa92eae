"""Many hands on one balance, one payout, one line: on real transactions."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import transaction

from payments import escrow, locks, payouts, refunds
from payments.ledger.balances import balance_paise, balances_of
from payments.models import LedgerAccount, LedgerTransaction, OrderItem, Payout
from payments.payouts import read_answers
from payments.states import AccountKind
from payments.tests.factories import UPI, earn, make_payout, settled_payment
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = uuid4()
UTR = "HDFCN52026112712"
WEEK = timedelta(days=7)


def held(seller):
    balances = balances_of(seller.pk)
    return balances["seller_available"], balances["payouts_in_transit"]


class TestAHundredThreadsWithdrawingOneBalance:
    def test_win_once(self, seller, now):
        earn(seller, 25_000, now=now)

        def withdraw(_number):
            payouts.request_payout(
                seller_id=seller.pk, amount_paise=25_000, destination=UPI, now=now
            )
            return "won"

        assert at_once(withdraw, count=100) == {"won": 1, "balance_too_low": 99}

        assert held(seller) == (0, 25_000)
        assert Payout.objects.count() == 1

    def test_take_no_more_than_there_is(self, seller, now):
        earn(seller, 35_000, now=now)

        def withdraw(_number):
            payouts.request_payout(
                seller_id=seller.pk, amount_paise=10_000, destination=UPI, now=now
            )
            return "won"

        assert at_once(withdraw, count=40) == {"won": 3, "balance_too_low": 37}

        assert held(seller) == (5_000, 30_000)


class TestDecisionsAtOnce:
    def test_approve_once(self, seller, now):
        payout = make_payout(seller, now=now)

        def approve(_number):
            payouts.approve_payout(payout_id=payout.pk, actor_id=STAFF, now=now)
            return "approved"

        assert at_once(approve, count=20) == {"approved": 1, "payout_move_refused": 19}

        assert payout.moves.count() == 1

    def test_reject_once_and_give_the_money_back_once(self, seller, now):
        payout = make_payout(seller, now=now)

        def reject(_number):
            payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=STAFF, now=now)
            return "rejected"

        assert at_once(reject, count=20) == {"rejected": 1, "payout_move_refused": 19}

        assert held(seller) == (25_000, 0)

    def test_export_into_one_file(self, seller, now):
        made = [make_payout(seller, now=now) for _ in range(4)]
        for payout in made:
            payouts.approve_payout(payout_id=payout.pk, actor_id=STAFF, now=now)

        def export(number):
            ids = [payout.pk for payout in (made if number % 2 else reversed(made))]
            return payouts.make_batch(payout_ids=ids, actor_id=None, now=now).count

        assert at_once(export, count=10) == {4: 1, "nothing_to_export": 9}

    def test_reject_what_is_being_exported_or_the_other_way_round(self, seller, now):
        payout = make_payout(seller, now=now)
        payouts.approve_payout(payout_id=payout.pk, actor_id=STAFF, now=now)

        def act(number):
            if number % 2:
                payouts.make_batch(payout_ids=[payout.pk], actor_id=None, now=now)
                return "won"
            payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=STAFF, now=now)
            return "won"

        assert at_once(act, count=20)["won"] == 1

        payout.refresh_from_db()
        assert (payout.state, held(seller)) in [
            ("exported", (0, 25_000)),
            ("rejected", (25_000, 0)),
        ]


class TestTheBanksAnswer:
    @pytest.fixture
    def exported(self, seller, now):
        made = [make_payout(seller, now=now) for _ in range(2)]
        for payout in made:
            payouts.approve_payout(payout_id=payout.pk, actor_id=STAFF, now=now)
        ids = [payout.pk for payout in made]
        payouts.make_batch(payout_ids=ids, actor_id=None, now=now)
        return list(Payout.objects.order_by("pk"))

    def take(self, payout, utr, now):
        text = f"reference,utr,status\n{payout.reference},{utr},paid\n"
        [verdict] = payouts.apply_answers(read_answers(text.encode()), actor_id=STAFF, now=now)
        return str(verdict.result)

    def test_imported_by_many_pays_once(self, exported, seller, now):
        results = at_once(lambda _: self.take(exported[0], UTR, now), count=20)

        assert results == {"paid": 1, "unchanged": 19}
        assert held(seller) == (0, 25_000)
        assert balance_paise(kind=AccountKind.BANK) == 25_000

    def test_with_one_utr_for_two_payouts_pays_one_of_them(self, exported, seller, now):
        results = at_once(lambda number: self.take(exported[number % 2], UTR, now), count=20)

        assert results == {"paid": 1, "unchanged": 9, "refused": 10}
        assert Payout.objects.filter(utr=UTR).count() == 1
        assert held(seller) == (0, 25_000)

    def test_imported_while_staff_fail_and_reject_ends_in_one_of_both(self, exported, seller, now):
        payout = exported[0]

        def act(number):
            if number % 2:
                return self.take(payout, UTR, now)
            payouts.fail_payout(payout_id=payout.pk, why="no", actor_id=STAFF, now=now)
            payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=STAFF, now=now)
            return "rejected"

        at_once(act, count=20)

        payout.refresh_from_db()
        assert (payout.state, payout.utr, held(seller)) in [
            ("paid", UTR, (0, 25_000)),
            ("rejected", "", (25_000, 25_000)),
        ]


class TestEscrow:
    @pytest.fixture
    def payment(self, buyer, note, gateway, now):
        return settled_payment(buyer=buyer, notes=[note], gateway=gateway, now=now)

    def test_released_by_many_is_released_once(self, payment, seller, now):
        results = at_once(lambda _: escrow.release_batch(now=now + WEEK).lines, count=20)

        assert results[1] == 1
        assert set(results) == {0, 1}
        assert LedgerTransaction.objects.filter(kind="escrow_release").count() == 1
        assert balances_of(seller.pk) == {"seller_pending": 0, "seller_available": 8415}

    def test_and_a_refund_of_the_same_moment_see_before_or_after(self, payment, seller, now):
        """Whichever is first, the seller is left with nothing, in both accounts."""

        def act(number):
            if number:
                for _ in escrow.release_due(now=now + WEEK):
                    pass
                return "released"
            with transaction.atomic():
                _, locked = locks.lock_payment_with_order(pk=payment.pk)
                refunds.give_back(payment=locked, amount_paise=9900, why="test", now=now + WEEK)
            return "refunded"

        assert at_once(act, count=2) == {"released": 1, "refunded": 1}

        for _ in escrow.release_due(now=now + WEEK):
            pass
        assert OrderItem.objects.get().released_at == now + WEEK
        assert set(balances_of(seller.pk).values()) == {0}
        owed = LedgerAccount.objects.get(kind=AccountKind.REFUNDS_PAYABLE)
        assert owed.balance_paise == 9900

    def test_passes_over_an_order_that_somebody_else_works_on(self, payment, seller, now):
        def act(number):
            if number:
                return escrow.release_batch(now=now + WEEK).lines
            return 0

        with transaction.atomic():
            locks.lock_order(payment.order_id)
            assert at_once(act, count=2) == {0: 2}

        assert escrow.release_batch(now=now + WEEK).lines == 1
