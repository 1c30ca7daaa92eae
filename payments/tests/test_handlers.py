"""What each event does, and that its sample goes through to an end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from alerts.models import Alert
from notes.models import NoteAccess
from notes.tests.factories import make_note
from payments import refunds
from payments.gateways.entities import MalformedEntity, payment_from
from payments.models import Order, Payment, Refund, WebhookEvent
from payments.settlement import settle_payment
from payments.tests.factories import VECTORS, event_body, make_order, payment_entity, signed
from payments.webhooks import handlers, inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"
SAMPLES = VECTORS["sample_webhook_payloads"]
# The refunds of the samples are parts of a captured payment that comes along with them.
ORDER_AFTER = {
    "payment.captured": "paid",
    "order.paid": "paid",
    "refund.created": "partially_refunded",
    "refund.processed": "partially_refunded",
    "payment.dispute.created": "paid",
    "payment.dispute.lost": "partially_refunded",
}
# Its payment was made without an order, so it is none of ours.
FOREIGN = ("payment.dispute.won",)


def deliver(body, now):
    signature = signed(body, SECRET)["signature"]
    inbox.receive(body=body, signature=signature, event_id="", now=now)
    return WebhookEvent.objects.latest("received_at", "id")


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


class TestPaymentEvents:
    @pytest.mark.parametrize("event", ["payment.captured", "order.paid"])
    def test_of_a_capture_settle_the_order(self, event, order, gateway, now, run_jobs):
        payment = gateway.pay(order.gateway_order_id)
        stored = deliver(
            event_body(event, {"payment": payment_entity(payment)}, created_at=now), now
        )

        run_jobs()

        order.refresh_from_db()
        stored.refresh_from_db()
        assert order.state == "paid"
        assert (stored.state, stored.outcome) == ("handled", "order is paid")
        assert order.moves.latest("id").why == f"payment captured, told by webhook {event}"

    def test_of_a_failure_leave_the_order_payable(self, order, gateway, now, run_jobs):
        payment = gateway.pay(order.gateway_order_id, status="failed")
        deliver(
            event_body("payment.failed", {"payment": payment_entity(payment)}, created_at=now), now
        )

        run_jobs()

        order.refresh_from_db()
        row = Payment.objects.get()
        assert (order.state, row.state) == ("awaiting_payment", "failed")
        assert (row.error_code, row.error_description) == ("BAD_REQUEST_ERROR", "Payment failed")

    def captured(self, payment, now):
        body = event_body("payment.captured", {"payment": payment_entity(payment)}, created_at=now)
        return deliver(body, now)

    def test_before_our_own_commit_link_their_order_by_its_receipt(
        self, order, gateway, now, run_jobs
    ):
        payment = gateway.pay(order.gateway_order_id)
        Order.objects.filter(pk=order.pk).update(state="created", gateway_order_id=None)
        stored = self.captured(payment, now)

        assert run_jobs()[0] == "payments.tasks.handle_event"

        stored.refresh_from_db()
        order.refresh_from_db()
        assert (stored.state, order.state) == ("handled", "paid")
        assert order.gateway_order_id == payment.order_id

    def test_of_an_order_of_ours_that_is_not_there_wait_for_it(self, order, gateway, now, run_jobs):
        receipt = f"nv_{uuid4().hex}"
        unknown = gateway.create_order(receipt=receipt, amount_paise=9900, notes={})
        stored = self.captured(gateway.pay(unknown.id), now)

        assert run_jobs() == []

        stored.refresh_from_db()
        assert stored.state == "received"
        assert Payment.objects.count() == 0

    def test_of_another_products_order_are_acknowledged(self, order, gateway, now, run_jobs):
        foreign = gateway.create_order(receipt="shop-17", amount_paise=9900, notes={})
        stored = self.captured(gateway.pay(foreign.id), now)

        run_jobs()

        stored.refresh_from_db()
        assert stored.state == "acknowledged"
        assert Payment.objects.count() == 0

    def test_that_were_long_on_their_way_are_looked_up(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        stored = self.captured(payment, now)
        gateway.refund_payment(payment.id, amount_paise=9900, idempotency_key="by-hand-0001")

        handlers.handle(event_id=stored.pk, now=now + timedelta(days=14))

        order.refresh_from_db()
        assert order.state == "failed"
        assert NoteAccess.objects.count() == 0
        assert Payment.objects.get().state == "refunded"

    def test_without_an_order_are_acknowledged(self, order, gateway, now, run_jobs):
        entity = {**payment_entity(gateway.pay(order.gateway_order_id)), "order_id": None}
        stored = deliver(event_body("payment.captured", {"payment": entity}, created_at=now), now)

        run_jobs()

        stored.refresh_from_db()
        assert stored.state == "acknowledged"
        assert Payment.objects.count() == 0

    @pytest.mark.parametrize(
        "damage",
        [
            {"id": "pay_short"},
            {"order_id": "../../orders"},
            {"amount": "9900"},
            {"amount": -1},
            {"amount": True},
            {"currency": "INRX"},
            {"currency": None},
            {"amount": 10**30},
            {"created_at": None},
        ],
    )
    def test_with_a_damaged_entity_are_never_marked_as_handled(self, damage, order, gateway, now):
        entity = {**payment_entity(gateway.pay(order.gateway_order_id)), **damage}
        stored = deliver(event_body("payment.captured", {"payment": entity}, created_at=now), now)

        with pytest.raises(MalformedEntity):
            handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        assert stored.state == "received"
        assert Payment.objects.count() == 0

    def test_without_an_entity_are_never_marked_as_handled(self, now):
        stored = deliver(event_body("payment.captured", {}, created_at=now), now)

        with pytest.raises(MalformedEntity):
            handlers.handle(event_id=stored.pk, now=now)


class TestRefundEvents:
    @pytest.fixture
    def refund(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=payment, source="test", now=now)
        return refunds.give_back(
            payment=Payment.objects.get(), amount_paise=4000, why="test", now=now
        )

    def entity(self, refund, status):
        return {
            "id": "rfnd_AAAAAAAAAAAAAA",
            "entity": "refund",
            "payment_id": refund.payment.gateway_payment_id,
            "amount": refund.amount_paise,
            "currency": "INR",
            "status": status,
            "receipt": refund.idempotency_key,
        }

    def test_complete_a_refund_of_ours(self, refund, now):
        body = event_body(
            "refund.processed", {"refund": self.entity(refund, "processed")}, created_at=now
        )

        handlers.handle(event_id=deliver(body, now).pk, now=now)

        refund.refresh_from_db()
        assert (refund.state, refund.gateway_refund_id) == ("processed", "rfnd_AAAAAAAAAAAAAA")
        assert Order.objects.get().state == "partially_refunded"

    def test_of_a_failure_free_the_amount_and_alert(self, refund, now):
        body = event_body(
            "refund.failed", {"refund": self.entity(refund, "failed")}, created_at=now
        )

        handlers.handle(event_id=deliver(body, now).pk, now=now)

        refund.refresh_from_db()
        assert refund.state == "failed"
        assert Payment.objects.get().given_back_paise == 0
        assert Alert.objects.get().kind == "payments.refund_failed"

    def by_hand(self, amount_paise, now, payment):
        """A refund that somebody made in the gateway's dashboard."""
        entity = {
            "id": "rfnd_BBBBBBBBBBBBBB",
            "payment_id": payment.gateway_payment_id,
            "amount": amount_paise,
            "currency": "INR",
            "status": "processed",
            "receipt": None,
        }
        return deliver(event_body("refund.processed", {"refund": entity}, created_at=now), now)

    @pytest.fixture
    def payment(self, order, gateway, now):
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        return Payment.objects.get()

    def test_of_a_whole_one_made_in_the_dashboard_take_the_access_back(self, payment, order, now):
        stored = self.by_hand(9900, now, payment)

        handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        order.refresh_from_db()
        payment.refresh_from_db()
        assert (stored.state, stored.outcome) == ("handled", "refund is processed")
        assert (order.state, payment.state, payment.given_back_paise) == (
            "refunded",
            "refunded",
            9900,
        )
        assert NoteAccess.objects.get().revoked_why == "its price has gone back"
        assert order.items.get().outcome == "given_back"
        assert Alert.objects.get().kind == "payments.refund_made_elsewhere"

    def test_of_a_part_made_in_the_dashboard_leave_the_access(self, payment, order, now):
        stored = self.by_hand(4000, now, payment)

        handlers.handle(event_id=stored.pk, now=now)

        order.refresh_from_db()
        payment.refresh_from_db()
        assert (order.state, payment.given_back_paise) == ("partially_refunded", 4000)
        assert NoteAccess.objects.get().revoked_at is None
        assert Refund.objects.get().state == "processed"

    def test_heard_twice_count_once(self, payment, now):
        stored = self.by_hand(4000, now, payment)
        handlers.handle(event_id=stored.pk, now=now)
        WebhookEvent.objects.update(state="received")

        handlers.handle(event_id=stored.pk, now=now)

        payment.refresh_from_db()
        assert (Refund.objects.count(), payment.given_back_paise) == (1, 4000)

    def test_that_overlap_with_one_of_ours_wait_for_it(self, refund, now):
        stored = self.by_hand(9900, now, refund.payment)

        with pytest.raises(refunds.RefundsOverlap):
            handlers.handle(event_id=stored.pk, now=now)
        refunds.replace_refund(refund_id=refund.pk, left_paise=0, why="given back", now=now)
        handlers.handle(event_id=stored.pk, now=now)

        assert Payment.objects.get().given_back_paise == 9900
        assert Order.objects.get().state == "refunded"

    def test_of_a_payment_that_nobody_told_us_of_wait_for_it(self, order, now):
        stored = self.by_hand(4000, now, Payment(gateway_payment_id="pay_AAAAAAAAAAAAAA"))

        with pytest.raises(refunds.PaymentNotKnownYet):
            handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        assert (stored.state, Refund.objects.count()) == ("received", 0)


class TestOtherEvents:
    def test_that_nobody_knows_are_stored_and_acknowledged(self, now):
        stored = deliver(event_body("payment.moon.full", {"moon": {}}, created_at=now), now)

        handlers.handle(event_id=stored.pk, now=now)

        stored.refresh_from_db()
        assert (stored.state, stored.outcome) == ("acknowledged", "asks nothing of us")


class TestPublishedSamples:
    """Each goes through the inbox and its job to an end, with or without its order."""

    @pytest.fixture
    def at(self):
        def moment(envelope):
            return datetime.fromtimestamp(envelope["created_at"], UTC) + timedelta(minutes=3)

        return moment

    def give_it_an_order(self, envelope, buyer, seller, at):
        """An order of ours under the sample's gateway ids."""
        entity = envelope["payload"]["payment"]["entity"]
        note = make_note(seller=seller)
        order = Order.objects.create(
            buyer=buyer,
            state="awaiting_payment",
            subtotal_paise=entity["amount"],
            discount_paise=0,
            total_paise=entity["amount"],
            gateway_order_id=entity["order_id"] or "order_AAAAAAAAAAAAAA",
            created_at=at,
            expires_at=at + timedelta(minutes=30),
        )
        order.items.create(
            note=note,
            buyer=buyer,
            seller=seller,
            title=note.title,
            price_paise=entity["amount"],
            discount_paise=0,
            paid_paise=entity["amount"],
            commission_bps=0,
            commission_paise=0,
            seller_share_paise=entity["amount"],
        )
        return order

    @pytest.mark.parametrize(
        "sample", SAMPLES, ids=lambda sample: f"{sample['event']} {sample['label']}"
    )
    def test_end_as_handled(self, sample, buyer, seller, at, gateway):
        envelope = sample["payload"]
        moment = at(envelope)
        order = self.give_it_an_order(envelope, buyer, seller, moment)
        stored = deliver(json.dumps(envelope).encode(), moment)

        handlers.handle(event_id=stored.pk, now=moment)

        stored.refresh_from_db()
        order.refresh_from_db()
        assert stored.state == ("acknowledged" if sample["event"] in FOREIGN else "handled")
        expected = ORDER_AFTER.get(sample["event"], "awaiting_payment")
        assert order.state == expected
        assert NoteAccess.objects.count() == (expected != "awaiting_payment")

    @pytest.mark.parametrize(
        "sample",
        [sample for sample in SAMPLES if sample["event"].startswith("payment.captured")],
        ids=lambda sample: sample["label"],
    )
    def test_are_read_field_by_field(self, sample):
        entity = sample["payload"]["payload"]["payment"]["entity"]

        payment = payment_from(entity)

        assert (payment.id, payment.order_id) == (entity["id"], entity["order_id"])
        assert (payment.amount_paise, payment.currency) == (100, "INR")
        assert (payment.status, payment.is_captured) == ("captured", True)
        assert (payment.fee_paise, payment.tax_paise) == (2, 0)
        assert payment.method == entity["method"]
        assert payment.created_at == datetime.fromtimestamp(entity["created_at"], UTC)
