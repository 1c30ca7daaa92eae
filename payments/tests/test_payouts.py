"""What each step of a payout moves, to the paisa, and what is refused."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from ops.moves import IllegalMove
from payments import payouts
from payments.ledger.balances import balances_of
from payments.ledger.posting import post
from payments.models import LedgerTransaction, Payout
from payments.payouts import postings
from payments.states import PayoutState
from payments.tests.factories import BANK, UPI, earn, make_payout, settled_payment

pytestmark = pytest.mark.django_db


def ask(seller, amount_paise, now, to=UPI):
    return payouts.request_payout(
        seller_id=seller.pk, amount_paise=amount_paise, destination=to, now=now
    )


def held(seller):
    """Available and in transit."""
    balances = balances_of(seller.pk)
    return balances.get("seller_available", 0), balances.get("payouts_in_transit", 0)


@pytest.fixture
def staff(db):
    return make_user("finance", is_staff=True)


@pytest.fixture
def payout(seller, now):
    return make_payout(seller, now=now)


def export(payout, staff, now):
    payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)
    return payouts.make_batch(payout_ids=[payout.pk], actor_id=staff.pk, now=now)


class TestARequest:
    def test_takes_the_amount_out_of_the_balance(self, seller, now):
        earn(seller, 25_000, now=now)

        payout = ask(seller, 10_000, now)

        assert held(seller) == (15_000, 10_000)
        assert (payout.state, payout.amount_paise, payout.created_at) == ("requested", 10_000, now)
        posted = LedgerTransaction.objects.get(subject_id=payout.pk)
        assert posted.kind == "payout_requested"

    def test_may_take_all_of_it(self, seller, now):
        earn(seller, 25_000, now=now)

        ask(seller, 25_000, now)

        assert held(seller) == (0, 25_000)

    def test_of_a_paisa_more_than_there_is_is_refused(self, seller, now):
        earn(seller, 25_000, now=now)

        with pytest.raises(payouts.BalanceTooLow) as refusal:
            ask(seller, 25_001, now)

        assert refusal.value.detail == "₹250.00 is available."
        assert refusal.value.params == {"available_paise": 25_000}
        assert held(seller) == (25_000, 0)
        assert not Payout.objects.exists()

    def test_of_less_than_a_hundred_rupees_is_refused(self, seller, now):
        earn(seller, 25_000, now=now)

        with pytest.raises(payouts.PayoutTooSmall) as refusal:
            ask(seller, 9_999, now)

        assert refusal.value.detail == "The smallest payout is ₹100.00."
        assert held(seller) == (25_000, 0)

    def test_of_a_seller_who_has_sold_nothing_is_refused(self, seller, now):
        with pytest.raises(payouts.BalanceTooLow) as refusal:
            ask(seller, 10_000, now)

        assert refusal.value.detail == "₹0.00 is available."

    def test_does_not_take_what_is_still_in_escrow(self, buyer, seller, gateway, now, run_jobs):
        notes = [make_note(seller=seller, price_paise=50_000)]
        settled_payment(buyer=buyer, notes=notes, gateway=gateway, now=now)

        with pytest.raises(payouts.BalanceTooLow):
            ask(seller, 10_000, now)


class TestANegativeBalance:
    def test_is_carried_forward_until_sales_make_up_for_it(self, seller, now):
        earn(seller, -2_000, now=now)

        with pytest.raises(payouts.BalanceTooLow) as refusal:
            ask(seller, 10_000, now)
        assert refusal.value.detail == (
            "-₹20.00 is available. Money that went back to buyers is made up for by coming "
            "sales first."
        )
        assert held(seller) == (-2_000, 0)

        earn(seller, 11_999, now=now)
        with pytest.raises(payouts.BalanceTooLow):
            ask(seller, 10_000, now)
        earn(seller, 1, now=now)
        ask(seller, 10_000, now)
        assert held(seller) == (0, 10_000)


class TestADecision:
    def test_to_approve_moves_no_money(self, payout, seller, staff, now):
        payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)

        payout.refresh_from_db()
        assert (payout.state, payout.decided_at) == ("approved", now)
        assert held(seller) == (0, 25_000)
        move = payout.moves.get()
        assert (move.old, move.new, move.actor_id) == ("requested", "approved", staff.pk)

    def test_to_approve_twice_is_refused(self, payout, staff, now):
        payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)

        with pytest.raises(payouts.PayoutMoveRefused) as refusal:
            payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)

        assert refusal.value.detail == "It is approved, so it cannot be approved."
        assert payout.moves.count() == 1

    @pytest.mark.parametrize("is_approved", [False, True])
    def test_to_reject_gives_the_money_back(self, payout, seller, staff, now, is_approved):
        if is_approved:
            payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)

        payouts.reject_payout(
            payout_id=payout.pk, why="Not your account.", actor_id=staff.pk, now=now
        )

        payout.refresh_from_db()
        assert (payout.state, payout.refused_why) == ("rejected", "Not your account.")
        assert held(seller) == (25_000, 0)

    def test_to_reject_twice_gives_it_back_once(self, payout, seller, staff, now):
        payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=staff.pk, now=now)

        with pytest.raises(payouts.PayoutMoveRefused):
            payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=staff.pk, now=now)

        assert held(seller) == (25_000, 0)

    def test_to_reject_what_is_with_the_bank_is_refused(self, payout, seller, staff, now):
        export(payout, staff, now)

        with pytest.raises(payouts.PayoutMoveRefused) as refusal:
            payouts.reject_payout(payout_id=payout.pk, why="no", actor_id=staff.pk, now=now)

        assert refusal.value.detail == "It is exported, so it cannot be rejected."
        assert held(seller) == (0, 25_000)

    @pytest.mark.parametrize("act", [payouts.fail_payout, payouts.retry_payout])
    def test_on_what_was_never_at_the_bank_is_refused(self, payout, staff, now, act):
        reason = {"why": "no"} if act is payouts.fail_payout else {}

        with pytest.raises(payouts.PayoutMoveRefused):
            act(payout_id=payout.pk, actor_id=staff.pk, now=now, **reason)

        assert not payout.moves.exists()


class TestAFailedPayout:
    @pytest.fixture
    def failed(self, payout, staff, now):
        export(payout, staff, now)
        return payouts.fail_payout(
            payout_id=payout.pk, why="Account closed.", actor_id=staff.pk, now=now
        )

    def test_keeps_its_money_in_transit(self, failed, seller):
        assert (failed.state, failed.refused_why) == ("failed", "Account closed.")
        assert held(seller) == (0, 25_000)

    def test_that_is_sent_again_has_another_reference_and_no_batch(
        self, failed, seller, staff, now
    ):
        first = failed.reference

        payouts.retry_payout(payout_id=failed.pk, actor_id=staff.pk, now=now)

        again = Payout.objects.get()
        assert (again.state, again.batch, again.refused_why) == ("approved", None, "")
        assert (first[:-2], first[-2:]) == (again.code, "01")
        assert again.reference == f"{again.code}02"
        assert held(seller) == (0, 25_000)

    def test_that_is_rejected_gives_the_money_back(self, failed, seller, staff, now):
        payouts.reject_payout(payout_id=failed.pk, why="no", actor_id=staff.pk, now=now)

        assert held(seller) == (25_000, 0)

    def test_leaves_a_history_of_who_did_what(self, failed, staff, now):
        payouts.retry_payout(payout_id=failed.pk, actor_id=staff.pk, now=now)

        moves = failed.moves.order_by("id")
        assert [(move.new, move.actor_id) for move in moves] == [
            ("approved", staff.pk),
            ("exported", staff.pk),
            ("failed", staff.pk),
            ("approved", staff.pk),
        ]
        assert moves[2].why == "Account closed."


class TestABatch:
    def test_takes_the_approved_ones_and_leaves_the_others(self, payout, seller, staff, now):
        waiting = make_payout(seller, now=now)

        payouts.approve_payout(payout_id=payout.pk, actor_id=staff.pk, now=now)
        batch = payouts.make_batch(
            payout_ids=[payout.pk, waiting.pk, uuid4()], actor_id=staff.pk, now=now
        )

        assert (batch.count, batch.sum_paise, batch.made_by) == (1, 25_000, staff)
        assert list(batch.payouts.all()) == [payout]
        payout.refresh_from_db()
        waiting.refresh_from_db()
        assert (payout.state, payout.exported_at) == ("exported", now)
        assert waiting.state == "requested"
        assert held(seller) == (0, 50_000)

    def test_of_nothing_approved_is_refused(self, payout, staff, now):
        with pytest.raises(payouts.NothingToExport):
            payouts.make_batch(payout_ids=[payout.pk], actor_id=staff.pk, now=now)

    def test_of_both_kinds_is_refused_whole(self, payout, seller, staff, now):
        other = make_payout(seller, now=now, to=BANK)
        for row in (payout, other):
            payouts.approve_payout(payout_id=row.pk, actor_id=staff.pk, now=now)

        with pytest.raises(payouts.MixedFormats):
            payouts.make_batch(payout_ids=[payout.pk, other.pk], actor_id=staff.pk, now=now)

        assert set(Payout.objects.values_list("state", flat=True)) == {"approved"}

    def test_costs_as_many_queries_for_many_as_for_one(
        self, seller, staff, now, django_assert_num_queries
    ):
        for count in (1, 5):
            ids = [make_payout(seller, now=now).pk for _ in range(count)]
            for payout_id in ids:
                payouts.approve_payout(payout_id=payout_id, actor_id=staff.pk, now=now)

            with django_assert_num_queries(6):
                payouts.make_batch(payout_ids=ids, actor_id=staff.pk, now=now)


class TestTheDatabase:
    """Holds what a payout is, whoever writes."""

    @pytest.mark.parametrize(
        "column",
        [
            {"amount_paise": 9_999},
            {"upi_id": ""},
            {"account_number": "50100123454321", "ifsc": "HDFC0001234", "holder_name": "ASHA"},
            {"upi_id": "", "account_number": "50100123454321"},
            {"state": "paid"},
            {"state": "exported"},
            {"utr": "HDFCN52026112712"},
        ],
        ids=str,
    )
    def test_refuses(self, payout, column):
        with pytest.raises(IntegrityError), transaction.atomic():
            Payout.objects.filter(pk=payout.pk).update(**column)

    def test_refuses_to_pay_twice_in_the_ledger(self, payout, now):
        post([postings.paid(payout)], now=now)

        with pytest.raises(IntegrityError, match="money_moves_once"), transaction.atomic():
            post([postings.paid(payout)], now=now)


class TestTheMachine:
    def test_ends_at_rejected_and_at_returned(self):
        ends = [state for state in PayoutState if not Payout.MOVES[state]]

        assert ends == ["rejected", "returned"]

    def test_leaves_paid_only_when_the_bank_returns_it(self):
        assert Payout.MOVES[PayoutState.PAID] == {"returned"}

    def test_moves_no_row_of_many_when_one_may_not(self, payout, seller, now):
        other = make_payout(seller, now=now)
        Payout.objects.filter(pk=other.pk).update(state=PayoutState.REJECTED)
        other.refresh_from_db()

        with pytest.raises(IllegalMove):
            Payout.move_locked([(payout, "a"), (other, "b")], PayoutState.APPROVED, now=now)

        payout.refresh_from_db()
        assert (payout.state, payout.moves.count()) == ("requested", 0)
