"""The history of one order, for whoever looks for the reason of a finding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from payments.models import (
    DisputeMove,
    Order,
    OrderMove,
    PaymentMove,
    RefundMove,
    RequestMove,
    Reversal,
    WebhookEvent,
)

Line = tuple[datetime, str]

TIME = "%H:%M:%S.%f"


def history_of(order_id: UUID) -> list[str]:
    """Every move of the order and of all that hangs on it, and each event, in order of time."""
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        return ["There is no such order."]
    lines = [*_moves(order), *_reversals(order), *_events(order)]
    return [f"{at:{TIME}}  {what}" for at, what in sorted(lines)]


def _moves(order: Order) -> Iterator[Line]:
    yield order.created_at, f"order placed, {order.total_paise} paise, {order.gateway_order_id}"
    for moves in (
        OrderMove.objects.filter(row=order),
        PaymentMove.objects.filter(row__order=order).select_related("row"),
        RefundMove.objects.filter(row__payment__order=order).select_related("row"),
        RequestMove.objects.filter(row__order=order).select_related("row"),
        DisputeMove.objects.filter(row__payment__order=order).select_related("row"),
    ):
        for move in moves:
            yield move.at, f"{move.row} {move.old} → {move.new}: {move.why}"


def _reversals(order: Order) -> Iterator[Line]:
    for row in Reversal.objects.filter(item__order=order).select_related("refund", "dispute"):
        what = f"{row} for {row.refund or row.dispute}"
        yield row.created_at, what
        if row.undone_at:
            yield row.undone_at, f"undone: {what}"


def _events(order: Order) -> Iterator[Line]:
    told = WebhookEvent.objects.filter(payload__payment__entity__order_id=order.gateway_order_id)
    for event in told:
        yield event.received_at, f"{event.event} {event.event_id} came, is {event.state}"
