"""Whatever news comes first, twice, late or not at all: the end is what the money implies."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notes.models import NoteAccess
from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import invariants, polling, provenance, refunds
from payments.gateways.base import GatewayPayment
from payments.models import Payment, WebhookEvent
from payments.sweepers import SWEEPERS, sweep
from payments.tests.factories import event_body, make_order, payment_entity, signed
from payments.verification import verify_payment
from payments.webhooks import handlers, inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"
WAITS = (provenance.OrderNotKnownYet, refunds.PaymentNotKnownYet, refunds.RefundsOverlap)


@dataclass
class World:
    """One order, what really happened to its money, and the news of it on its way."""

    gateway: object
    now: object
    order: object
    history: dict[str, GatewayPayment]
    refund: dict | None
    waiting: list = field(default_factory=list)

    def tell(self, news: str) -> None:
        getattr(self, f"tell_{news.replace('.', '_')}", lambda: self.tell_event(news))()
        self.handle_waiting()

    def tell_event(self, event: str) -> None:
        status = {"order.paid": "captured"}.get(event, event.rpartition(".")[2])
        if status not in self.history:
            return  # it never happened, so nobody tells of it
        payment = payment_entity(self.history[status])
        self.receive(event, {"payment": payment})

    def tell_refund(self) -> None:
        if self.refund:
            self.receive("refund.processed", {"refund": self.refund})

    def tell_refund_with_payment(self) -> None:
        if self.refund:
            payment = payment_entity(self.history["refunded"])
            self.receive("refund.processed", {"refund": self.refund, "payment": payment})

    def tell_verify(self) -> None:
        payment = next(iter(self.history.values()))
        verify_payment(
            buyer_id=self.order.buyer_id,
            gateway_order_id=self.order.gateway_order_id,
            gateway_payment_id=payment.id,
            signature=self.gateway.signature(payment),
            now=self.now,
        )

    def tell_sweeper(self) -> None:
        polling.check_order(order_id=self.order.pk, now=self.now)

    def receive(self, event: str, entities: dict) -> None:
        body = event_body(event, entities, created_at=self.now)
        inbox.receive(**signed(body, SECRET), event_id="", now=self.now)
        self.waiting += WebhookEvent.objects.filter(state="received").values_list("pk", flat=True)
        self.waiting = list(dict.fromkeys(self.waiting))

    def handle_waiting(self) -> None:
        """As the queue does it: what has to wait stays."""
        for event_id in list(self.waiting):
            try:
                handlers.handle(event_id=event_id, now=self.now)
            except WAITS:
                continue
            self.waiting.remove(event_id)


ENDS = {
    "captured": ("failed", "authorized", "captured"),
    "refunded": ("authorized", "captured", "refunded"),
    "failed": ("failed",),
    "authorized": ("failed", "authorized"),
}
NEWS = (
    "verify",
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund",
    "refund_with_payment",
    "sweeper",
)


def make_world(gateway, now, end: str) -> World:
    seller, buyer = make_user("seller", is_seller=True), make_user("buyer")
    order = make_order(buyer=buyer, notes=[make_note(seller=seller)], now=now)
    paid = gateway.pay(order.gateway_order_id, status="authorized")
    history = {}
    for status in ENDS[end]:
        history[status] = replace(
            paid,
            status=status,
            is_captured=status in ("captured", "refunded"),
            refunded_paise=9900 if status == "refunded" else 0,
        )
    gateway._payments[paid.id] = history[end]
    refund = None
    if end == "refunded":
        refund = {
            "id": "rfnd_BBBBBBBBBBBBBB",
            "payment_id": paid.id,
            "amount": 9900,
            "currency": "INR",
            "status": "processed",
            "receipt": None,
        }
    return World(gateway, now, order, history, refund)


EXPECTED = {
    "captured": ({"paid"}, {"captured"}, 1),
    "authorized": ({"paid"}, {"captured"}, 1),  # taken by us
    "failed": ({"awaiting_payment"}, {"failed"}, 0),
    "refunded": ({"refunded", "failed"}, {"refunded"}, 0),
}


class TestAnyOrderOfNews:
    @settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        end=st.sampled_from(list(ENDS)),
        news=st.lists(st.sampled_from(NEWS), max_size=12),
    )
    def test_ends_in_the_state_that_the_money_implies(self, gateway, now, end, news):
        empty = transaction.savepoint()
        try:
            self.live_through(make_world(gateway, now, end), news, end)
        finally:  # the next example starts on empty tables
            transaction.set_rollback(False)
            transaction.savepoint_rollback(empty)

    def live_through(self, world: World, news: list[str], end: str) -> None:
        for item in news:
            world.tell(item)
            assert NoteAccess.objects.filter(revoked_at=None).count() <= 1
        self.converge(world)
        self.demand(world, end)

    def converge(self, world: World) -> None:
        """What the schedule would do by itself, news or no news."""
        if world.refund:
            world.tell("refund_with_payment")
        later = world.now + timedelta(minutes=2)
        for name in SWEEPERS:
            assert all(row.is_cured for row in sweep(name, now=later))
        world.handle_waiting()
        assert world.waiting == []

    def demand(self, world: World, end: str) -> None:
        order_states, payment_states, accesses = EXPECTED[end]
        world.order.refresh_from_db()
        row = Payment.objects.get()
        assert world.order.state in order_states
        assert row.state in payment_states
        assert NoteAccess.objects.filter(revoked_at=None).count() == accesses
        assert row.given_back_paise == (9900 if end == "refunded" else 0)
        money = [check for check in invariants.CHECKS if check.invariant != "I5"]
        assert [list(invariants.findings(check)) for check in money] == [[]] * len(money)
