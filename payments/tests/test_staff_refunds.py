"""What staff may give back by hand: what its buyer has nothing for, and no more."""

from __future__ import annotations

from uuid import uuid4

import pytest

from notes.models import NoteAccess
from notes.tests.factories import make_note
from payments import refunds
from payments.gateways.base import GatewayRefund
from payments.models import Payment, Refund
from payments.settlement import settle_payment
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(buyer, seller, note, gateway, now):
    """Of two notes, one owned already: its money is owed back."""
    order = make_order(buyer=buyer, notes=[note, make_note(seller=seller)], now=now)
    NoteAccess.objects.create(note=note, buyer=buyer, reference=uuid4(), granted_at=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    return Payment.objects.get()


def give_back_rest(payment, now):
    return refunds.give_back_rest(payment_id=payment.pk, actor_id=uuid4(), now=now)


class TestGiveBackRest:
    def test_returns_the_lost_line_and_leaves_the_other_its_access(self, payment, now, run_jobs):
        refused = Refund.objects.get()
        refunds.fail_refund(refund_id=refused.pk, why="not enough balance", now=now)

        again = give_back_rest(payment, now)
        run_jobs()

        assert again.amount_paise == refused.amount_paise == 9900
        assert NoteAccess.objects.filter(revoked_at=None).count() == 2

    def test_returns_nothing_that_is_on_its_way_already(self, payment, now):
        with pytest.raises(refunds.NothingToGiveBack):
            give_back_rest(payment, now)

        assert Refund.objects.count() == 1


class TestOldNewsOfAFailedRefund:
    def reply(self, refund, status):
        payment_id = refund.payment.gateway_payment_id
        return GatewayRefund(
            "rfnd_AAAAAAAAAAAAAA", payment_id, 9900, "INR", status, refund.idempotency_key
        )

    @pytest.fixture
    def failed(self, payment, now):
        refund = Refund.objects.get()
        refunds.take_in_refund(reply=self.reply(refund, "failed"), source="test", now=now)
        return refund

    def test_that_it_is_pending_changes_nothing(self, failed, now):
        refunds.take_in_refund(reply=self.reply(failed, "pending"), source="test", now=now)

        failed.refresh_from_db()
        assert (failed.state, Payment.objects.get().given_back_paise) == ("failed", 0)

    def test_that_it_went_through_waits_while_another_claims_the_money(self, failed, payment, now):
        Payment.objects.update(given_back_paise=19_000)

        with pytest.raises(refunds.RefundsOverlap):
            refunds.take_in_refund(reply=self.reply(failed, "processed"), source="test", now=now)

        failed.refresh_from_db()
        assert failed.state == "failed"
