"""From a paid order to accesses: the steps that settlement and free orders share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, Sum

from notes import access
from notes.models import Note
from ops import jobs
from ops.transactions import use_case
from payments import coupons, locks
from payments.models import Order, OrderItem, Payment
from payments.states import (
    OPEN_ORDER,
    DisputeState,
    ItemOutcome,
    OrderState,
    PaymentState,
    RefundState,
)

ESCROW = timedelta(days=7)


@dataclass(frozen=True)
class Fulfilled:
    granted: list[OrderItem]
    lost: list[OrderItem]


def fulfil(*, order: Order, now: datetime) -> Fulfilled:
    """Grant each line of a locked order; the money of those that are lost goes back.

    A line is lost when the buyer owns the note already or, for an order that had been
    closed before its money came, when the note is no longer for sale. The sellers' shares
    of the others are in escrow for a week. The order's use of a coupon is spent if it
    bought anything.
    """
    lines = list(order.items.all())
    wanted = {line.note_id: line.pk for line in lines}
    if order.state not in OPEN_ORDER:
        on_sale = _on_sale(list(wanted))
        wanted = {note_id: pk for note_id, pk in wanted.items() if note_id in on_sale}
    granted = access.grant_accesses(buyer_id=order.buyer_id, references=wanted, now=now)
    kept = [line for line in lines if line.note_id in granted]
    lost = [line for line in lines if line.note_id not in granted]
    _close(kept, ItemOutcome.GRANTED, release_at=now + ESCROW)
    _close(lost, ItemOutcome.GIVEN_BACK)
    if kept:
        coupons.spend(order, now=now)
    else:
        coupons.give_back(order, now=now)
    return Fulfilled(kept, lost)


def overtaken_orders(order: Order) -> list[UUID]:
    """The buyer's other open orders with a note that this one has just granted.

    They must not be paid any more; each is closed by a job, under its own lock.
    """
    granted = order.items.filter(outcome=ItemOutcome.GRANTED).values("note_id")
    held = OrderItem.objects.filter(buyer_id=order.buyer_id, is_open=True, note_id__in=granted)
    return list(held.exclude(order=order).values_list("order_id", flat=True).distinct())


def follow_returns(*, order: Order, payment: Payment, why: str, now: datetime) -> None:
    """Make a locked order and the accesses of its lines follow the money that has gone back.

    A line whose price has gone back whole, by processed refunds and lost disputes, gives no
    access; one whose refund was returned by the bank gives it again. A step.
    """
    if not payment.settles:
        if payment.state == PaymentState.REFUNDED:
            close_returned(order, now=now)
        return
    lines = list(order.items.annotate(returned=Sum("reversals__amount_paise", filter=_RETURNED)))
    is_whole = payment.state == PaymentState.REFUNDED
    gone = [line for line in lines if is_whole or (line.returned or 0) == line.paid_paise > 0]
    _take_back(order, [line for line in gone if line.outcome == ItemOutcome.GRANTED], now)
    kept = [line for line in lines if line not in gone and line.release_at]
    _restore([line for line in kept if line.outcome == ItemOutcome.GIVEN_BACK])
    to = _state_after(payment)
    if order.state != to and order.can_move(to):
        order.move(to, why=why, now=now)


_PROCESSED = Q(reversals__refund__state=RefundState.PROCESSED)
_LOST = Q(reversals__dispute__state=DisputeState.LOST)
_RETURNED = Q(reversals__undone_at=None) & (_PROCESSED | _LOST)


def _state_after(payment: Payment) -> OrderState:
    """By what has gone back, of lines and of money that bought none."""
    done = payment.refunds.filter(state=RefundState.PROCESSED).aggregate(sum=Sum("amount_paise"))
    lost = payment.disputes.filter(state=DisputeState.LOST).aggregate(sum=Sum("held_paise"))
    returned = (done["sum"] or 0) + (lost["sum"] or 0)
    if returned >= payment.amount_paise:
        return OrderState.REFUNDED
    return OrderState.PARTIALLY_REFUNDED if returned else OrderState.PAID


def _take_back(order: Order, lines: list[OrderItem], now: datetime) -> None:
    if lines:
        ids = [line.pk for line in lines]
        access.revoke_accesses(references=ids, why="its price has gone back", now=now)
        _close(lines, ItemOutcome.GIVEN_BACK)
        _have_restored(order, lines)


def _have_restored(order: Order, lines: list[OrderItem]) -> None:
    """Another purchase of one of these notes may have lost its access though its money
    stayed: a bank had returned its refund while this one was there. A job restores it,
    under its own locks."""
    notes = [line.note_id for line in lines]
    kept = OrderItem.objects.filter(
        buyer_id=order.buyer_id,
        note_id__in=notes,
        outcome=ItemOutcome.GIVEN_BACK,
        release_at__isnull=False,
        reversed_paise__lt=F("paid_paise"),
    )
    others = kept.exclude(order=order).values_list("order_id", flat=True).distinct()
    for other_id in others:
        jobs.defer("payments.tasks.restore_kept", order_id=str(other_id))


@use_case
def restore_kept(*, order_id: UUID, now: datetime) -> None:
    """Grant again the lines of an order whose money has stayed."""
    payment_id = Payment.objects.values_list("pk", flat=True).get(order_id=order_id, settles=True)
    found = locks.lock_payment_with_order(pk=payment_id)
    assert found is not None  # noqa: S101 payments are never deleted
    order, payment = found
    follow_returns(order=order, payment=payment, why="its money has stayed", now=now)


def _restore(lines: list[OrderItem]) -> None:
    if lines:
        live = access.restore_accesses(references=[line.pk for line in lines])
        _close([line for line in lines if line.pk in live], ItemOutcome.GRANTED)


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


def _close(lines: list[OrderItem], outcome: ItemOutcome, **changes: datetime) -> None:
    if lines:
        OrderItem.objects.filter(pk__in=[line.pk for line in lines]).update(
            is_open=False, outcome=outcome, **changes
        )


def _on_sale(note_ids: list[UUID]) -> set[UUID]:
    published = Note.objects.published().filter(pk__in=note_ids)
    return set(published.values_list("pk", flat=True))
