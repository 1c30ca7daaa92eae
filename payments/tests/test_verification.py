"""What the buyer's client hands in after Checkout."""

from __future__ import annotations

import pytest

from alerts.models import Alert
from notes.models import NoteAccess
from payments import selectors, verification
from payments.checkout import OrderNotFound
from payments.models import Payment, Refund
from payments.settlement import PaymentMismatch
from payments.tests.factories import event_body, make_order, payment_entity, signed
from payments.webhooks import inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


@pytest.fixture
def verify(order, gateway, buyer, now):
    """Hand in a payment; any part of it may be replaced."""

    def hand_in(payment, **other):
        given = {
            "buyer_id": buyer.pk,
            "gateway_order_id": order.gateway_order_id,
            "gateway_payment_id": payment.id,
            "signature": gateway.signature(payment),
            **other,
        }
        order_id = verification.verify_payment(**given, now=now)
        order.refresh_from_db()
        return order_id

    return hand_in


class TestVerifyPayment:
    def test_settles_a_captured_payment(self, order, gateway, verify):
        assert verify(gateway.pay(order.gateway_order_id)) == order.pk

        assert order.state == "paid"
        assert NoteAccess.objects.count() == 1

    def test_may_be_repeated(self, order, gateway, verify):
        payment = gateway.pay(order.gateway_order_id)
        verify(payment)
        gateway.is_down = True  # the second answer needs no gateway

        assert verify(payment) == order.pk

        assert (Payment.objects.count(), Refund.objects.count()) == (1, 0)

    def test_refuses_a_forged_signature(self, order, gateway, verify):
        payment = gateway.pay(order.gateway_order_id)

        with pytest.raises(verification.SignatureInvalid):
            verify(payment, signature="0" * 64)

        order.refresh_from_db()
        assert order.state == "awaiting_payment"
        assert Payment.objects.count() == 0
        assert Alert.objects.get().kind == "payments.forged_verification"

    def test_knows_no_order_of_anybody_else(self, order, gateway, verify, stranger):
        with pytest.raises(OrderNotFound):
            verify(gateway.pay(order.gateway_order_id), buyer_id=stranger.pk)

        assert Payment.objects.count() == 0

    def test_refuses_a_payment_of_another_order(self, order, gateway, verify, stranger, note, now):
        other = make_order(buyer=stranger, notes=[note], now=now)
        payment = gateway.pay(other.gateway_order_id)
        from payments.gateways.signatures import sign

        message = f"{order.gateway_order_id}|{payment.id}".encode()

        with pytest.raises(PaymentMismatch):
            verify(payment, signature=sign(message, secret=gateway.key_secret))

        order.refresh_from_db()
        assert order.state == "awaiting_payment"

    def test_an_authorised_payment_means_to_wait_and_a_job_takes_the_money(
        self, order, gateway, verify, buyer, run_jobs
    ):
        payment = gateway.pay(order.gateway_order_id, status="authorized")

        verify(payment)

        row = selectors.get_order(order_id=order.pk, buyer_id=buyer.pk)
        assert (row["state"], row["next_action"]) == ("awaiting_payment", "wait")
        assert run_jobs()[0] == "payments.tasks.check_order"
        order.refresh_from_db()
        assert (order.state, gateway.get_payment(payment.id).status) == ("paid", "captured")

    def test_a_second_payment_of_a_paid_order_goes_back(self, order, gateway, verify, run_jobs):
        verify(gateway.pay(order.gateway_order_id))
        second = gateway.pay(order.gateway_order_id)

        verify(second)
        run_jobs()

        assert NoteAccess.objects.count() == 1
        assert gateway.get_payment(second.id).refunded_paise == 9900


class TestAGatewayThatIsDown:
    def test_means_to_wait_and_a_job_goes_on_asking(self, order, gateway, verify, buyer, run_jobs):
        payment = gateway.pay(order.gateway_order_id)
        gateway.is_down = True

        verify(payment)
        verify(payment)

        row = selectors.get_order(order_id=order.pk, buyer_id=buyer.pk)
        assert (row["next_action"], row["checkout"]) == ("wait", None)
        assert run_jobs() == []
        gateway.is_down = False
        assert run_jobs()[0] == "payments.tasks.check_order"
        order.refresh_from_db()
        assert order.state == "paid"
        assert Payment.objects.get().settles


class TestVerifyAndWebhook:
    """Before, after, twice and instead: the end is the same."""

    SEQUENCES = ("V", "W", "VW", "WV", "VV", "WW", "VWW", "WVW", "WWVV", "VWVW")

    @pytest.mark.parametrize("sequence", SEQUENCES)
    def test_end_in_the_same_state(self, sequence, order, gateway, verify, run_jobs, now):
        payment = gateway.pay(order.gateway_order_id)
        entity = {"payment": payment_entity(payment)}

        for position, who in enumerate(sequence):
            if who == "V":
                verify(payment)
            else:
                event = ("payment.captured", "order.paid")[position % 2]
                body = event_body(event, entity, created_at=now)
                inbox.receive(**signed(body, SECRET), event_id=f"evt_00000{position}", now=now)
                run_jobs()

        order.refresh_from_db()
        assert order.state == "paid"
        assert list(order.moves.order_by("id").values_list("new", flat=True)) == [
            "awaiting_payment",
            "paid",
        ]
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1
        assert Payment.objects.filter(settles=True).count() == 1
        assert Refund.objects.count() == 0
