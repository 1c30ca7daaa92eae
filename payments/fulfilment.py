"""From a paid order to accesses: the steps that settlement and free orders share."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notes import access
from notes.models import Note
from payments import coupons
from payments.models import Order, OrderItem
from payments.states import OPEN_ORDER, ItemOutcome, OrderState


def fulfil(*, order: Order, now: datetime) -> list[OrderItem]:
    """Grant each line of a locked order; returns those whose money goes back.

    A line goes back when the buyer owns the note already or, for an order that had been
    closed before its money came, when the note is no longer for sale. The order's use of a
    coupon is spent if it bought anything.
    """
    lines = list(order.items.all())
    wanted = {line.note_id: line.pk for line in lines}
    if order.state not in OPEN_ORDER:
        on_sale = _on_sale(list(wanted))
        wanted = {note_id: pk for note_id, pk in wanted.items() if note_id in on_sale}
    granted = access.grant_accesses(buyer_id=order.buyer_id, references=wanted, now=now)
    kept = [line.pk for line in lines if line.note_id in granted]
    lost = [line for line in lines if line.note_id not in granted]
    _close(kept, ItemOutcome.GRANTED)
    _close([line.pk for line in lost], ItemOutcome.GIVEN_BACK)
    if kept:
        coupons.spend(order, now=now)
    else:
        coupons.give_back(order, now=now)
    return lost


def overtaken_orders(order: Order) -> list[UUID]:
    """The buyer's other open orders with a note that this one has just granted.

    They must not be paid any more; each is closed by a job, under its own lock.
    """
    granted = order.items.filter(outcome=ItemOutcome.GRANTED).values("note_id")
    held = OrderItem.objects.filter(buyer_id=order.buyer_id, is_open=True, note_id__in=granted)
    return list(held.exclude(order=order).values_list("order_id", flat=True).distinct())


def take_back(order: Order, *, why: str, now: datetime) -> None:
    """Revoke what a locked order has granted, since its money has gone back. A step."""
    granted = list(order.items.filter(outcome=ItemOutcome.GRANTED).values_list("pk", flat=True))
    if granted:
        access.revoke_accesses(references=granted, why=why, now=now)
        _close(granted, ItemOutcome.GIVEN_BACK)


def close_returned(order: Order, *, now: datetime) -> None:
    """End a locked order that is still open though its money came and went. A step.

    The gateway takes no second payment for it, so its buyer must not be told to pay.
    """
    if order.state in OPEN_ORDER:
        order.move(OrderState.FAILED, why="its payment was given back", now=now)
        release_holds(order, now=now)


def release_holds(order: Order, *, now: datetime) -> None:
    """Let the buyer put the notes and the coupon of a closed order into another one. A step."""
    order.items.filter(is_open=True).update(is_open=False)
    coupons.give_back(order, now=now)


def _close(line_ids: list[UUID], outcome: ItemOutcome) -> None:
    if line_ids:
        OrderItem.objects.filter(pk__in=line_ids).update(is_open=False, outcome=outcome)


def _on_sale(note_ids: list[UUID]) -> set[UUID]:
    published = Note.objects.published().filter(pk__in=note_ids)
    return set(published.values_list("pk", flat=True))
