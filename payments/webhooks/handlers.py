"""What each event of the gateway means. Every handler may be called again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.models import Severity
from alerts.services import raise_alert
from ops.transactions import use_case
from payments import refunds, selectors
from payments.gateways import entities
from payments.models import WebhookEvent
from payments.settlement import settle_payment
from payments.states import EventState

Payload = Mapping[str, Any]


class OrderNotKnownYet(Exception):
    """The event came before our own commit; it stays unhandled and is tried again."""


def handle(*, event_id: UUID, now: datetime) -> None:
    """Act on a stored event, then mark it. Raises OrderNotKnownYet, MalformedEntity."""
    event = WebhookEvent.objects.get(pk=event_id)
    if event.state != EventState.RECEIVED:
        return
    handler = HANDLERS.get(event.event)
    outcome = handler(event.payload, event.event, now) if handler else None
    state = EventState.HANDLED if outcome else EventState.ACKNOWLEDGED
    WebhookEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).update(
        state=state, handled_at=now, outcome=outcome or "asks nothing of us"
    )


def settle(payload: Payload, event: str, now: datetime) -> str | None:
    payment = entities.payment_from(_entity(payload, "payment"))
    if not payment.order_id:
        return None  # a payment link or another product of the same account
    order_id = selectors.order_id_of_gateway_order(payment.order_id)
    if order_id is None:
        raise OrderNotKnownYet(payment.order_id)
    order = settle_payment(order_id=order_id, payment=payment, source=f"webhook {event}", now=now)
    return f"order is {order.state}"


def take_in_refund(payload: Payload, event: str, now: datetime) -> str | None:
    reply = entities.refund_from(_entity(payload, "refund"))
    ours = refunds.find_refund(reply)
    if ours is None:
        _note_foreign_refund(gateway_refund_id=reply.id, payment_id=reply.payment_id, now=now)
        return None
    refunds.record_reply(refund_id=ours.pk, reply=reply, now=now)
    return f"refund is {reply.status}"


@use_case
def _note_foreign_refund(*, gateway_refund_id: str, payment_id: str, now: datetime) -> None:
    raise_alert(
        kind="payments.refund_made_elsewhere",
        severity=Severity.HIGH,
        message="A refund was made in the gateway's dashboard; the access is still there.",
        metadata={"gateway_refund_id": gateway_refund_id, "payment_id": payment_id},
        dedupe_key=f"foreign-refund:{gateway_refund_id}",
        now=now,
    )


def _entity(payload: Payload, name: str) -> Mapping[str, Any]:
    wrapper = payload.get(name)
    entity = wrapper.get("entity") if isinstance(wrapper, Mapping) else None
    if not isinstance(entity, Mapping):
        raise entities.MalformedEntity(f"the event has no {name}")
    return entity


HANDLERS: dict[str, Callable[[Payload, str, datetime], str | None]] = {
    "payment.authorized": settle,
    "payment.captured": settle,
    "payment.failed": settle,
    "order.paid": settle,
    "refund.created": take_in_refund,
    "refund.processed": take_in_refund,
    "refund.failed": take_in_refund,
}
