"""A refund and a dispute at once, on real transactions: the money is taken once."""

from __future__ import annotations

import pytest

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from ops.transactions import use_case
from payments import disputes, locks, refunds
from payments.ledger.balances import balance_paise
from payments.models import Dispute, Payment, Refund
from payments.states import AccountKind
from payments.tests.disputing import books
from payments.tests.test_disputes import HELD, SOLD, sell
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 100


@use_case
def approve_refund(*, payment_id, now):
    """What the approval of a refund does, from its locks on."""
    order_and_payment = locks.lock_payment_with_order(gateway_payment_id=payment_id)
    assert order_and_payment is not None
    payment = order_and_payment[1]
    refunds.refuse_while_disputed(payment)
    if payment.given_back_paise:
        raise refunds.NothingToGiveBack
    refunds.give_back(payment=payment, amount_paise=9900, why="approved", now=now)


class TestARefundAndADisputeAtOnce:
    @pytest.fixture
    def trouble(self, buyer, note, gateway, now):
        return sell(buyer, [note], gateway, now)

    def act(self, trouble, heard, is_refund):
        if is_refund:
            approve_refund(payment_id=trouble.payment_id, now=trouble.now)
            return "refunded"
        dispute = disputes.hear(heard=heard, phase="created", is_fresh=True, now=trouble.now)
        return "held" if dispute.held_paise else "nothing left"

    def test_by_a_hundred_threads_on_one_payment_are_won_by_one(self, trouble, seller):
        heard = trouble.open()

        results = at_once(lambda n: self.act(trouble, heard, n % 2), count=THREADS)

        payment = Payment.objects.get()
        taken = payment.given_back_paise, payment.disputed_paise
        assert Dispute.objects.count() == 1
        if taken == (9900, 0):
            # Other approvals are refused either way, and disputes find nothing left.
            assert (results["refunded"], results["nothing left"]) == (1, 50)
            assert results["payment_disputed"] + results["nothing_to_give_back"] == 49
            assert Refund.objects.count() == 1
            assert books(seller) == {"gateway_clearing": -9900, "refunds_payable": 9900}
        else:
            assert taken == (0, 9900)
            assert results == {"held": 50, "payment_disputed": 50}
            assert Refund.objects.count() == 0
            assert books(seller) == HELD

    def test_on_fifty_payments_take_each_one_s_money_once(self, seller, gateway, now):
        notes = [make_note(seller=seller) for _ in range(50)]
        troubles = [
            sell(make_user(f"buyer{number}"), [note], gateway, now)
            for number, note in enumerate(notes)
        ]
        heard = [trouble.open() for trouble in troubles]
        assert books(seller) == {kind: paise * 50 for kind, paise in SOLD.items()}

        results = at_once(lambda n: self.act(troubles[n // 2], heard[n // 2], n % 2), count=THREADS)

        refunded = Payment.objects.filter(given_back_paise=9900, disputed_paise=0).count()
        held = Payment.objects.filter(given_back_paise=0, disputed_paise=9900).count()
        assert refunded + held == 50
        assert results["refunded"] == results["nothing left"] == refunded
        assert results["held"] == results["payment_disputed"] == held
        assert sum(results.values()) == THREADS
        assert Refund.objects.count() == refunded
        assert balance_paise(kind=AccountKind.DISPUTE_HOLDS) == held * 9900
        assert balance_paise(kind=AccountKind.REFUNDS_PAYABLE) == refunded * 9900
        assert balance_paise(kind=AccountKind.SELLER_PENDING, owner_id=seller.pk) == 0


class TestEventsOfOneDisputeAtOnce:
    def test_lose_it_once(self, buyer, note, seller, gateway, now):
        trouble = sell(buyer, [note], gateway, now)
        heard = trouble.open()
        lost = gateway.move_dispute(heard.id, "lost")
        news = [(heard, "created"), (lost, "lost"), (heard, "under_review")]

        results = at_once(lambda n: trouble.tell(*news[n % 3]).state, count=30)

        assert sum(results.values()) == 30
        dispute = Dispute.objects.get()
        assert (dispute.state, dispute.held_paise) == ("lost", 9900)
        assert dispute.moves.filter(new="lost").count() == 1
        assert books(seller) == {}


class TestARefundMadeElsewhereAndADispute:
    def test_at_once_share_the_payment(self, buyer, note, seller, gateway, now):
        trouble = sell(buyer, [note], gateway, now)
        heard = trouble.open()

        def act(number):
            if number == 0:
                trouble.refund_by_hand(4000)
                return "refunded"
            trouble.tell(heard)
            return "heard"

        assert at_once(act, count=10) == {"refunded": 1, "heard": 9}

        payment = Payment.objects.get()
        assert (payment.given_back_paise, payment.disputed_paise) == (4000, 5900)
        assert books(seller) == {"gateway_clearing": -5900, "dispute_holds": 5900}
