"""What each event of the gateway means. Every handler may be called again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit.clock import indian_day
from ops import jobs
from ops.transactions import use_case
from payments import checkout, refunds, selectors
from payments.gateways import entities, get_gateway
from payments.gateways.base import GatewayPayment, GatewayRejected
from payments.models import WebhookEvent
from payments.reconciliation.windows import GRACE
from payments.settlement import settle_payment
from payments.states import EventState

# An event is a snapshot. One that was long on its way may be overtaken: ask instead.
FRESH = timedelta(minutes=10)


class OrderNotKnownYet(Exception):
    """The event came before our own commit; it stays unhandled and is tried again."""


@dataclass(frozen=True)
class News:
    """One stored event, as its handler sees it."""

    event: str
    payload: Mapping[str, Any]
    created_at: datetime
    now: datetime

    def entity(self, name: str) -> Mapping[str, Any]:
        """Raises MalformedEntity when the event has none of that name."""
        wrapper = self.payload.get(name)
        entity = wrapper.get("entity") if isinstance(wrapper, Mapping) else None
        if not isinstance(entity, Mapping):
            raise entities.MalformedEntity(f"the event has no {name}")
        return entity

    def text(self, entity: str, field: str) -> str:
        return str(self.entity(entity).get(field) or "")[:80]


def handle(*, event_id: UUID, now: datetime) -> None:
    """Act on a stored event, then mark it.

    Raises OrderNotKnownYet, PaymentNotKnownYet, RefundsOverlap, the gateway's errors and
    MalformedEntity; the event stays unhandled then.
    """
    event = WebhookEvent.objects.get(pk=event_id)
    if event.state != EventState.RECEIVED:
        return
    handler = HANDLERS.get(event.event)
    news = News(event.event, event.payload, event.created_at, now)
    outcome = handler(news) if handler else None
    state = EventState.HANDLED if outcome else EventState.ACKNOWLEDGED
    WebhookEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).update(
        state=state, handled_at=now, outcome=outcome or "asks nothing of us"
    )


def settle(news: News) -> str | None:
    payment = entities.payment_from(news.entity("payment"))
    if not payment.order_id:
        return None  # a payment link or another product of the same account
    order_id = _find_order(payment, news.now)
    if order_id is None:
        return None
    if news.now - news.created_at > FRESH:
        payment = get_gateway().get_payment(payment.id)
    order = settle_payment(
        order_id=order_id, payment=payment, source=f"webhook {news.event}", now=news.now
    )
    return f"order is {order.state}"


def _find_order(payment: GatewayPayment, now: datetime) -> UUID | None:
    """The payment's order, linked by its receipt if our own commit of its id was lost.

    None when its receipt is not one of ours. Raises OrderNotKnownYet.
    """
    order_id = selectors.order_id_of_gateway_order(payment.order_id)
    if order_id is not None:
        return order_id
    try:
        order_id = selectors.order_id_of_receipt(get_gateway().get_order(payment.order_id).receipt)
    except (GatewayRejected, selectors.OrderNotFound) as error:
        raise OrderNotKnownYet(payment.order_id) from error
    if order_id is not None:
        checkout.open_for_payment(order_id=order_id, gateway_order_id=payment.order_id, now=now)
    return order_id


def take_in_refund(news: News) -> str | None:
    if "payment" in news.payload and settle(news) is None:
        return None  # of another product
    reply = entities.refund_from(news.entity("refund"))
    status = refunds.take_in_news(reply=reply, source=f"webhook {news.event}", now=news.now)
    return f"refund is {status}"


@use_case
def note_dispute(news: News) -> str:
    """The money is in question; staff answer in time, and the access stays."""
    dispute_id, phase = news.text("dispute", "id"), news.event.rpartition(".")[2]
    raise_alert(
        kind="payments.dispute",
        severity=Severity.HIGH,
        message=f"A payment is disputed ({phase}). Answer it in the gateway's dashboard.",
        metadata={
            "dispute_id": dispute_id,
            "payment_id": news.text("dispute", "payment_id"),
            "amount_paise": news.text("dispute", "amount"),
            "respond_by": news.text("dispute", "respond_by"),
        },
        dedupe_key=f"dispute:{dispute_id}:{phase}",
        now=news.now,
    )
    return f"dispute is {phase}"


@use_case
def reconcile_settlement(news: News) -> str:
    """What is settled is compared with our books, once it is no longer too young for that."""
    day = indian_day(news.created_at).isoformat()
    jobs.defer(
        "payments.tasks.reconcile",
        delay=2 * GRACE,
        once_per=f"reconcile:{day}",
        start=day,
        end=day,
    )
    return f"settlement {news.text('settlement', 'id')} is to be reconciled"


Handler = Callable[[News], str | None]

HANDLERS: dict[str, Handler] = {
    "payment.authorized": settle,
    "payment.captured": settle,
    "payment.failed": settle,
    "order.paid": settle,
    "refund.created": take_in_refund,
    "refund.processed": take_in_refund,
    "refund.failed": take_in_refund,
    "payment.dispute.created": note_dispute,
    "payment.dispute.under_review": note_dispute,
    "payment.dispute.action_required": note_dispute,
    "payment.dispute.won": note_dispute,
    "payment.dispute.lost": note_dispute,
    "payment.dispute.closed": note_dispute,
    "settlement.processed": reconcile_settlement,
}
