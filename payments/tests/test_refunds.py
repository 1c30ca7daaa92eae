"""Money on its way back."""

from __future__ import annotations

import pytest
from django.db import IntegrityError

from alerts.models import Alert
from payments import refunds
from payments.gateways.base import GatewayOutcomeUnknown, GatewayRejected, GatewayUnavailable
from payments.models import Payment, Refund
from payments.settlement import settle_payment
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def payment(buyer, note, gateway, now):
    order = make_order(buyer=buyer, notes=[note], now=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    return Payment.objects.get()


def owe(payment, amount_paise, now):
    return refunds.give_back(payment=payment, amount_paise=amount_paise, why="test", now=now)


class TestGiveBack:
    def test_never_exceeds_the_capture(self, payment, now):
        owe(payment, 9000, now)

        with pytest.raises(IntegrityError, match="refunds_never_exceed_capture"):
            owe(payment, 901, now)


class TestSendRefund:
    def test_ends_processed_and_moves_the_order(self, payment, gateway, now, run_jobs):
        refund = owe(payment, 9900, now)

        assert run_jobs()[0] == "payments.tasks.send_refund"

        refund.refresh_from_db()
        payment.refresh_from_db()
        payment.order.refresh_from_db()
        assert (refund.state, refund.processed_at is not None) == ("processed", True)
        assert refund.gateway_refund_id == gateway.list_refunds(payment.gateway_payment_id)[0].id
        assert (payment.state, payment.order.state) == ("refunded", "refunded")

    def test_in_parts_refunds_the_order_only_with_the_last(self, payment, now, run_jobs):
        owe(payment, 4000, now)
        run_jobs()
        payment.order.refresh_from_db()
        assert payment.order.state == "partially_refunded"

        owe(payment, 5900, now)
        run_jobs()

        payment.order.refresh_from_db()
        assert payment.order.state == "refunded"

    def test_stays_owed_while_the_gateway_is_down(self, payment, gateway, now, run_jobs):
        refund = owe(payment, 9900, now)
        gateway.is_down = True
        assert run_jobs() == []
        with pytest.raises(GatewayUnavailable):
            refunds.send_refund(refund_id=refund.pk, now=now)
        gateway.is_down = False

        run_jobs()

        refund.refresh_from_db()
        assert refund.state == "processed"

    def test_whose_answer_was_lost_is_made_once(self, payment, gateway, now, monkeypatch):
        refund = owe(payment, 9900, now)
        make = gateway.refund_payment

        def make_and_lose(*args, **request):
            make(*args, **request)
            raise GatewayOutcomeUnknown

        monkeypatch.setattr(gateway, "refund_payment", make_and_lose)
        with pytest.raises(GatewayOutcomeUnknown):
            refunds.send_refund(refund_id=refund.pk, now=now)
        monkeypatch.setattr(gateway, "refund_payment", make)

        refunds.send_refund(refund_id=refund.pk, now=now)

        refund.refresh_from_db()
        assert refund.state == "processed"
        assert len(gateway.list_refunds(payment.gateway_payment_id)) == 1

    def test_that_is_rejected_after_it_was_made_is_found_in_the_list(
        self, payment, gateway, now, monkeypatch
    ):
        refund = owe(payment, 9900, now)
        make = gateway.refund_payment

        def make_and_reject(*args, **request):
            make(*args, **request)
            raise GatewayRejected

        monkeypatch.setattr(gateway, "refund_payment", make_and_reject)

        refunds.send_refund(refund_id=refund.pk, now=now)

        refund.refresh_from_db()
        assert refund.state == "processed"
        assert Alert.objects.count() == 0

    def test_that_was_taken_for_failed_may_still_go_through(self, payment, gateway, now):
        refund = owe(payment, 9900, now)
        refunds.fail_refund(refund_id=refund.pk, why="told so", now=now)
        reply = gateway.refund_payment(
            payment.gateway_payment_id,
            amount_paise=9900,
            idempotency_key=refund.idempotency_key,
        )

        refunds.record_reply(refund_id=refund.pk, reply=reply, now=now)

        refund.refresh_from_db()
        payment.refresh_from_db()
        assert (refund.state, payment.given_back_paise) == ("processed", 9900)
        assert payment.state == "refunded"

    def test_that_is_rejected_frees_the_amount_and_alerts(self, payment, gateway, now):
        refund = owe(payment, 50, now)  # below the gateway's minimum

        refunds.send_refund(refund_id=refund.pk, now=now)
        refunds.send_refund(refund_id=refund.pk, now=now)

        refund.refresh_from_db()
        payment.refresh_from_db()
        assert (refund.state, payment.given_back_paise) == ("failed", 0)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.refund_failed", "critical")
        assert Refund.objects.count() == 1


class TestMoneyGivenBackOtherwiseMeanwhile:
    """Somebody was quicker in the gateway's dashboard than our own refund."""

    def by_hand(self, gateway, payment, amount_paise):
        gateway.refund_payment(
            payment.gateway_payment_id, amount_paise=amount_paise, idempotency_key="by-hand-0001"
        )

    def settle_up(self, payment, run_jobs):
        """No event of the other refund ever comes."""
        assert "payments.tasks.take_in_refunds" in run_jobs()
        payment.refresh_from_db()

    def test_in_part_leaves_the_rest_owed(self, payment, gateway, now, run_jobs):
        whole = refunds.give_back(payment=payment, amount_paise=9900, why="second", now=now)
        self.by_hand(gateway, payment, 4000)

        self.settle_up(payment, run_jobs)

        whole.refresh_from_db()
        made = [r.amount_paise for r in gateway.list_refunds(payment.gateway_payment_id)]
        assert (whole.state, sorted(made)) == ("failed", [4000, 5900])
        assert (payment.state, payment.given_back_paise) == ("refunded", 9900)
        assert not Alert.objects.filter(kind="payments.refund_failed").exists()

    def test_as_a_whole_leaves_nothing_owed(self, payment, gateway, now, run_jobs):
        whole = refunds.give_back(payment=payment, amount_paise=9900, why="second", now=now)
        self.by_hand(gateway, payment, 9900)

        self.settle_up(payment, run_jobs)

        whole.refresh_from_db()
        assert (whole.state, payment.state, payment.given_back_paise) == (
            "failed",
            "refunded",
            9900,
        )
        assert not Alert.objects.filter(kind="payments.refund_failed").exists()
