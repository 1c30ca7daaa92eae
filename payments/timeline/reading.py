"""The whole story of one order: a number of queries that no history makes grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from notes.models import NoteAccess
from payments.models import Order, Payment
from payments.selectors import OrderNotFound
from payments.states import LIVE_DISPUTE, DisputeState, PaymentState, RefundState
from payments.timeline.happenings import (
    Happening,
    Side,
    in_turn,
    of_dispute,
    of_order,
    of_payment,
    of_refund,
    of_request,
)

_ROWS = (
    "items",
    "moves",
    "payments__moves",
    "payments__refunds__moves",
    "payments__disputes__moves",
    "refund_requests__moves",
)
_TAKEN = (PaymentState.CAPTURED, PaymentState.QUARANTINED, PaymentState.REFUNDED)
_ON_THE_WAY = (RefundState.REQUESTED, RefundState.PENDING)


@dataclass(frozen=True)
class Money:
    """Where the buyer's money is now."""

    received_paise: int
    held_by_bank_paise: int
    on_its_way_back_paise: int
    given_back_paise: int
    disputed_paise: int


@dataclass(frozen=True)
class Story:
    money: Money
    happenings: list[Happening]
    downloads: int


def buyers_story(*, order_id: UUID, buyer_id: UUID) -> Story:
    """What the buyer may know of their own order. Raises OrderNotFound for others'."""
    order = Order.objects.filter(pk=order_id, buyer_id=buyer_id).prefetch_related(*_ROWS).first()
    if order is None:
        raise OrderNotFound
    story = _story(order)
    return replace(story, happenings=[one for one in story.happenings if one.sentence])


def staff_story(order_id: UUID) -> Story:
    """With the steps in between, and with details that are not for the buyer."""
    return _story(Order.objects.prefetch_related(*_ROWS).get(pk=order_id))


def _story(order: Order) -> Story:
    accesses = _accesses(order)
    happenings = [*_of_money(order), *_of_accesses(order, accesses)]
    downloads = sum(access.downloads for access in accesses)
    # Of the same moment, causes come before effects: the sort keeps that order.
    return Story(_money(order), sorted(happenings, key=lambda one: one.at), downloads)


def _of_money(order: Order) -> Iterator[Happening]:
    first, *moves = of_order(order)
    yield first
    payments = order.payments.all()
    taken = {}
    for payment in payments:
        happened = list(of_payment(payment))
        taken[payment.pk] = _taken_at(payment, happened)
        yield from happened
    bought_at = max((taken[p.pk] for p in payments if p.settles), default=order.created_at)
    yield from in_turn((_not_before(bought_at, move) for move in moves), order.created_at)
    for request in order.refund_requests.all():
        yield from of_request(request, order.currency)
    for payment in payments:
        for refund in payment.refunds.all():
            yield from of_refund(refund, payment.currency, taken[payment.pk])
        for dispute in payment.disputes.all():
            yield from of_dispute(dispute, payment.currency, taken[payment.pk])


def _taken_at(payment: Payment, happened: list[Happening]) -> datetime:
    return max((one.at for one in happened if one.side == Side.IN), default=payment.created_at)


def _not_before(bought_at: datetime, move: Happening) -> Happening:
    """What was bought was paid for first, whichever of the two bears the earlier time."""
    return replace(move, at=max(move.at, bought_at)) if move.what == "order_paid" else move


def _accesses(order: Order) -> list[NoteAccess]:
    references = [item.pk for item in order.items.all()]
    return list(NoteAccess.objects.filter(reference__in=references))


def _of_accesses(order: Order, accesses: list[NoteAccess]) -> Iterator[Happening]:
    titles = {item.pk: item.title for item in order.items.all()}
    for access in accesses:
        if access.revoked_at:
            yield Happening(
                access.revoked_at,
                "note_removed",
                f"“{titles[access.reference]}” left your library: its price goes back to you.",
                details=access.revoked_why,
            )


def _money(order: Order) -> Money:
    payments = list(order.payments.all())
    refunds = [refund for payment in payments for refund in payment.refunds.all()]
    disputes = [dispute for payment in payments for dispute in payment.disputes.all()]
    lost = sum(d.held_paise for d in disputes if d.state == DisputeState.LOST)
    returned = sum(r.amount_paise for r in refunds if r.state == RefundState.PROCESSED)
    return Money(
        received_paise=_sum(payments, *_TAKEN),
        held_by_bank_paise=_sum(payments, PaymentState.AUTHORIZED),
        on_its_way_back_paise=sum(r.amount_paise for r in refunds if r.state in _ON_THE_WAY),
        given_back_paise=returned + lost,
        disputed_paise=sum(d.held_paise for d in disputes if d.state in LIVE_DISPUTE),
    )


def _sum(payments: list[Payment], *states: PaymentState) -> int:
    return sum(payment.amount_paise for payment in payments if payment.state in states)
