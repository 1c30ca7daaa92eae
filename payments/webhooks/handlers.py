"""What each event of the gateway means. Every handler may be called again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from notevault.kit.clock import indian_day
from ops import jobs
from ops.instruments import count
from ops.transactions import use_case
from payments import disputes, instruments, provenance, refunds
from payments.gateways import entities, get_gateway
from payments.models import WebhookEvent
from payments.reconciliation.windows import GRACE
from payments.settlement import settle_payment
from payments.states import EventState

# An event is a snapshot. One that was long on its way may be overtaken: ask instead.
FRESH = timedelta(minutes=10)


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
    handled = WebhookEvent.objects.filter(pk=event_id, state=EventState.RECEIVED).update(
        state=state, handled_at=now, outcome=outcome or "asks nothing of us"
    )
    if handled:
        count(instruments.WEBHOOKS_HANDLED, known_event(event.event), state)


def known_event(name: str) -> str:
    """The name where it is one that we act on: of others there is no end."""
    return name if name in HANDLERS else instruments.OTHER


def settle(news: News) -> str | None:
    payment = entities.payment_from(news.entity("payment"))
    order_id = provenance.find_order(payment, now=news.now)
    if order_id is None:
        return None
    if news.now - news.created_at > FRESH:
        payment = get_gateway().get_payment(payment.id)
    order = settle_payment(
        order_id=order_id, payment=payment, source=f"webhook {news.event}", now=news.now
    )
    return f"order is {order.state}"


def take_in_refund(news: News) -> str | None:
    if "payment" in news.payload and settle(news) is None:
        return None  # of another product
    reply = entities.refund_from(news.entity("refund"))
    status = refunds.take_in_news(reply=reply, source=f"webhook {news.event}", now=news.now)
    return f"refund is {status}"


def hear_of_dispute(news: News) -> str | None:
    if "payment" in news.payload and settle(news) is None:
        return None  # of another product
    dispute = disputes.hear(
        heard=entities.dispute_from(news.entity("dispute")),
        phase=news.event.rpartition(".")[2],
        is_fresh=news.now - news.created_at <= FRESH,
        now=news.now,
    )
    return f"dispute is {dispute.state}" if dispute else None


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
    "payment.dispute.created": hear_of_dispute,
    "payment.dispute.under_review": hear_of_dispute,
    "payment.dispute.action_required": hear_of_dispute,
    "payment.dispute.won": hear_of_dispute,
    "payment.dispute.lost": hear_of_dispute,
    "payment.dispute.closed": hear_of_dispute,
    "settlement.processed": reconcile_settlement,
}
