"""From a cart to an order that can be paid, in three beats.

1. commit the order and its lines (the intent); 2. create the gateway's order, with no
transaction open; 3. commit the gateway's order id. A caller that dies in between leaves
an order that the same cart resumes, finding the gateway's order by its receipt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q
from django.db.models.functions import Now

from notes.models import Note
from notes.selectors import owned_notes
from notevault.kit import crash, deadline
from notevault.kit.bulkhead import Full
from notevault.kit.clock import indian_day
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import lend_connection, use_case
from payments import coupons, fulfilment, instruments, locks, pricing, tax, waiting
from payments.billing import Billing, remembered, restate
from payments.cart import NoteAlreadyOwned, quote_cart
from payments.gateways import get_gateway
from payments.gateways.base import GatewayError, GatewayOrder
from payments.models import Order, OrderItem
from payments.selectors import OrderNotFound
from payments.states import OPEN_ORDER, OrderState

LIFETIME = timedelta(minutes=30)
# Longer than beat 2 may take (three gateway calls of 5 s): then its holder is dead.
CLAIM = timedelta(seconds=25)
WAIT_FOR_OTHERS_S = 5.0
LOOK_AGAIN_S = 0.1
HELD_ONCE = "one_open_order_per_buyer_and_note"


class NoteInOpenOrder(DomainError):
    code = "note_in_open_order"
    message = "A note of this cart is in another order that waits for payment. Pay or cancel it."


class CheckoutInProgress(DomainError):
    code = "checkout_in_progress"
    message = "This order is being prepared by another request. Try again in a moment."


class OrderNotCancellable(DomainError):
    code = "order_not_cancellable"


@dataclass(frozen=True)
class Started:
    order_id: UUID
    is_new: bool


def start_checkout(
    *,
    buyer_id: UUID,
    note_ids: Sequence[UUID],
    coupon_code: str | None = None,
    billing: Billing | None = None,
    now: datetime,
) -> Started:
    """An order for these notes, ready to be paid; a free one is fulfilled at once.

    The same buyer with the same cart and coupon gets the same order as long as it is open,
    so a repeat never makes a second one, but bills it anew. Without `billing` it is billed
    as the buyer's last one. Raises NoteNotFound, NoteNotForSale, OwnNote, NoteAlreadyOwned,
    NoteInOpenOrder, the refusals of a coupon, CheckoutInProgress and the gateway's errors.
    """
    cart = sorted(set(note_ids))
    order = _find_open(buyer_id, cart, coupon_code, now)
    is_new = order is None
    if order is None:
        _expire_overdue_of(buyer_id, now)
        order, is_new = _place(buyer_id, cart, coupon_code, billing, now)
        crash.point("checkout.intent_committed")
    if billing and not is_new:
        restate(order.pk, billing)
    if order.state == OrderState.CREATED:
        _open_for_payment(order, now)
    return Started(order.pk, is_new)


# Beat 1: the intent


def _place(
    buyer_id: UUID,
    cart: list[UUID],
    coupon_code: str | None,
    billing: Billing | None,
    now: datetime,
) -> tuple[Order, bool]:
    try:
        placed = _place_order(
            buyer_id=buyer_id, cart=cart, coupon_code=coupon_code, billing=billing, now=now
        )
        return placed, True
    except IntegrityError as error:
        if HELD_ONCE not in str(error):
            raise
        refusal: DomainError = NoteInOpenOrder(order_id=_id_of_open_order(buyer_id, cart))
    except (coupons.CouponUsedUp, coupons.CouponAlreadyUsed) as error:
        refusal = error
    # A note of the cart, or the use of its coupon, is held by an open order: the same cart's,
    # made by a twin of this request a moment ago, or another one.
    order = _find_open(buyer_id, cart, coupon_code, now)
    if order is None:
        raise refusal
    return order, False


@use_case
def _place_order(
    *,
    buyer_id: UUID,
    cart: list[UUID],
    coupon_code: str | None,
    billing: Billing | None,
    now: datetime,
) -> Order:
    priced = quote_cart(buyer_id=buyer_id, note_ids=cart, coupon_code=coupon_code, now=now)
    quote = priced.quote
    order = Order.objects.create(
        buyer_id=buyer_id,
        subtotal_paise=quote.subtotal_paise,
        discount_paise=quote.discount_paise,
        coupon=priced.coupon,
        coupon_discount_paise=quote.coupon_discount_paise,
        total_paise=quote.total_paise,
        created_at=now,
        expires_at=now + LIFETIME,
        **(billing or remembered(buyer_id)).columns(),
    )
    OrderItem.objects.bulk_create(
        [_item(order, note, line) for note, line in zip(priced.notes, quote.lines, strict=True)]
    )
    if priced.coupon:
        coupons.reserve(coupon=priced.coupon, order=order, now=now)
    if order.total_paise == 0:
        _fulfil_free(order, now)
    instruments.count_order()
    return order


def _item(order: Order, note: Note, line: pricing.Line) -> OrderItem:
    return OrderItem(
        order=order,
        note=note,
        buyer_id=order.buyer_id,
        seller_id=note.seller_id,
        title=note.title,
        price_paise=line.price_paise,
        discount_paise=line.discount_paise,
        coupon_discount_paise=line.coupon_discount_paise,
        paid_paise=line.paid_paise,
        commission_bps=line.commission_bps,
        commission_paise=line.commission_paise,
        seller_share_paise=line.seller_share_paise,
        tax_paise=tax.tax_within(
            line.commission_paise, bps=tax.gst_bps(indian_day(order.created_at))
        ),
    )


def _fulfil_free(order: Order, now: datetime) -> None:
    if fulfilment.fulfil(order=order, now=now).lost:
        raise NoteAlreadyOwned  # by a twin of this request, a moment ago
    order.move(OrderState.PAID, why="nothing to pay", now=now, paid_at=now)


def _find_open(
    buyer_id: UUID, cart: list[UUID], coupon_code: str | None, now: datetime
) -> Order | None:
    """The buyer's open, unexpired order of exactly this cart and coupon."""
    lines = OrderItem.objects.filter(buyer_id=buyer_id, is_open=True, note_id__in=cart)
    order_ids = set(lines.values_list("order_id", flat=True))
    if len(order_ids) != 1:
        return None
    live = Order.objects.filter(state__in=OPEN_ORDER, expires_at__gt=now)
    order = live.filter(pk__in=order_ids, coupon__code=coupon_code).first()
    if order is None:
        return None
    its_cart = sorted(order.items.values_list("note_id", flat=True))
    return order if its_cart == cart else None


def _id_of_open_order(buyer_id: UUID, cart: list[UUID]) -> str:
    held = OrderItem.objects.filter(buyer_id=buyer_id, is_open=True, note_id__in=cart)
    return str(held.values_list("order_id", flat=True).first() or "")


# Beats 2 and 3: the gateway's order


def _open_for_payment(order: Order, now: datetime) -> None:
    """Create the gateway's order; of racing callers exactly one talks to the gateway."""
    give_up_at = time.monotonic() + deadline.remaining(WAIT_FOR_OTHERS_S)
    while True:
        match _claim(order_id=order.pk):
            case Claim.READY:
                return
            case Claim.TAKEN:
                _wait_for_others(give_up_at)
            case claim:
                reply = _create_at_gateway(order, was_tried=claim is Claim.MINE_AGAIN)
                crash.point("checkout.gateway_order_created")
                open_for_payment(order_id=order.pk, gateway_order_id=reply.id, now=now)
                return


def _wait_for_others(give_up_at: float) -> None:
    """A moment; CheckoutInProgress when the time, or the room to wait in, is used up."""
    try:
        with waiting.share.place():
            lend_connection()
            time.sleep(LOOK_AGAIN_S)
    except Full:
        raise CheckoutInProgress(retry_after=1) from None
    if time.monotonic() > give_up_at:
        raise CheckoutInProgress(retry_after=1)


class Claim(Enum):
    READY = auto()
    TAKEN = auto()
    MINE = auto()
    MINE_AGAIN = auto()


@use_case
def _claim(*, order_id: UUID) -> Claim:
    """Take the right to create the gateway's order, by the database's clock."""
    order = locks.lock_order(order_id)
    if order.state != OrderState.CREATED:
        return Claim.READY
    free = Q(claimed_until=None) | Q(claimed_until__lte=Now())
    mine = Order.objects.filter(free, pk=order_id).update(claimed_until=Now() + CLAIM)
    if not mine:
        return Claim.TAKEN
    return Claim.MINE if order.claimed_until is None else Claim.MINE_AGAIN


def _create_at_gateway(order: Order, *, was_tried: bool) -> GatewayOrder:
    """Beat 2. An earlier try may have succeeded without our hearing of it: look first."""
    gateway = get_gateway()
    try:
        known = gateway.find_order(receipt=order.receipt) if was_tried else None
        return known or gateway.create_order(
            receipt=order.receipt,
            amount_paise=order.total_paise,
            notes={"order_id": str(order.pk)},
        )
    except GatewayError:
        # Whoever comes next need not wait for the claim to run out.
        Order.objects.filter(pk=order.pk).update(claimed_until=Now())
        raise


@use_case
def open_for_payment(*, order_id: UUID, gateway_order_id: str, now: datetime) -> None:
    """Beat 3. Repeating it with the same id changes nothing."""
    order = locks.lock_order(order_id)
    if order.gateway_order_id:
        return
    ask_at = now + timedelta(seconds=settings.SWEEP_AFTER_S)
    found: dict[str, Any] = {"gateway_order_id": gateway_order_id, "ask_at": ask_at}
    if order.state == OrderState.CREATED:
        order.move(OrderState.AWAITING_PAYMENT, why="the gateway's order exists", now=now, **found)
    else:
        # Expired or cancelled meanwhile; a payment that still comes must find its order.
        Order.objects.filter(pk=order_id).update(**found)


def resume_checkout(*, order_id: UUID, now: datetime) -> bool:
    """Finish the beats of an order whose caller died or was sent away; True when it can be
    paid now. One gateway order at most: the one that exists is found by its receipt."""
    order = Order.objects.get(pk=order_id)
    if order.state == OrderState.CREATED and now < order.expires_at:
        _open_for_payment(order, now)
    return Order.objects.filter(pk=order_id, state=OrderState.AWAITING_PAYMENT).exists()


# The end of an order that nobody paid


@use_case
def cancel_order(*, order_id: UUID, buyer_id: UUID, now: datetime) -> None:
    """Give up an unpaid order; repeating it changes nothing.

    Money that still arrives is settled all the same. Raises OrderNotFound for others'
    orders, OrderNotCancellable.
    """
    if not Order.objects.filter(pk=order_id, buyer_id=buyer_id).exists():
        raise OrderNotFound
    order = locks.lock_order(order_id)
    if order.state == OrderState.CANCELLED:
        return
    if order.state not in OPEN_ORDER:
        raise OrderNotCancellable(f"An order that is {order.state} cannot be cancelled.")
    _close(order, OrderState.CANCELLED, why="cancelled by the buyer", now=now)


@use_case
def close_overtaken_order(*, order_id: UUID, now: datetime) -> None:
    """Give up an open order whose note its buyer has got by another one meanwhile."""
    order = locks.lock_order(order_id)
    notes = list(order.items.values_list("note_id", flat=True))
    if order.state in OPEN_ORDER and owned_notes(buyer_id=order.buyer_id, note_ids=notes):
        _close(order, OrderState.CANCELLED, why="a note of it was bought otherwise", now=now)


@use_case
def expire_order(*, order_id: UUID, now: datetime) -> bool:
    """Close an order whose time to pay is over; False when it is not open or not over."""
    order = locks.lock_order(order_id)
    if order.state not in OPEN_ORDER or now < order.expires_at:
        return False
    _close(order, OrderState.EXPIRED, why="not paid in time", now=now)
    return True


def _expire_overdue_of(buyer_id: UUID, now: datetime) -> None:
    """Do not let orders that are over, but not yet swept, hold their notes and coupons."""
    overdue = Order.objects.filter(buyer_id=buyer_id, state__in=OPEN_ORDER, expires_at__lte=now)
    for order_id in list(overdue.values_list("pk", flat=True)):
        expire_order(order_id=order_id, now=now)


def _close(order: Order, to: OrderState, *, why: str, now: datetime) -> None:
    """Nobody may have told us of a payment, so the gateway is asked once more."""
    order.move(to, why=why, now=now)
    fulfilment.release_holds(order, now=now)
    if order.gateway_order_id:
        jobs.defer("payments.tasks.check_order", order_id=str(order.pk))
