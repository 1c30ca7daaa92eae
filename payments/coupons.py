"""Coupons: who may use one, what it covers, and the one use that an order holds of it.

A use is reserved with its order, spent when the order is fulfilled, and given back when the
order is closed unpaid. What is reserved in time never passes a coupon's limits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, F, Q, When

from notes.models import Note
from notevault.kit import money
from notevault.kit.errors import DomainError
from payments.models import Coupon, CouponUse, Order
from payments.models.coupons import TERMS
from payments.pricing import Rebate
from payments.states import (
    COUPON_USE_MOVES,
    LIVE_COUPON_USE,
    OPEN_ORDER,
    CouponScope,
    CouponUseState,
)

_HAS_ROOM = Q(max_uses=None) | Q(uses__lt=F("max_uses"))


class CouponNotFound(DomainError):
    code = "coupon_not_found"
    message = "There is no such coupon. Check how its code is written."


class CouponExpired(DomainError):
    code = "coupon_expired"
    message = "This coupon has expired."


class CouponUsedUp(DomainError):
    code = "coupon_used_up"
    message = "Other buyers have used this coupon up."


class CouponAlreadyUsed(DomainError):
    code = "coupon_already_used"
    message = (
        "You have used this coupon as often as it allows. An order of yours that waits for "
        "payment counts too."
    )


class CouponMinimumNotMet(DomainError):
    code = "coupon_minimum_not_met"


class CouponNotForTheseNotes(DomainError):
    code = "coupon_not_for_these_notes"
    message = "This coupon takes nothing off the notes in this cart."


class CouponChanged(DomainError):
    code = "coupon_changed"
    message = "This coupon has been changed in this moment. Look at the price again."


def get_coupon(*, code: str, buyer_id: UUID, now: datetime) -> Coupon:
    """The coupon with this code (in capitals), if the buyer may use it now.

    One that is switched off or has not begun is as unknown as one that does not exist.
    Raises CouponNotFound, CouponExpired, CouponUsedUp, CouponAlreadyUsed.
    """
    coupon = Coupon.objects.filter(code=code, is_active=True, valid_from__lte=now).first()
    if coupon is None:
        raise CouponNotFound
    if coupon.valid_until is not None and coupon.valid_until <= now:
        raise CouponExpired
    _refuse_another_use_of(buyer_id, coupon)
    if coupon.max_uses is not None and coupon.uses >= coupon.max_uses:
        raise CouponUsedUp
    return coupon


def rebate_for(notes: Sequence[Note], coupon: Coupon) -> Rebate:
    """What the coupon takes off these notes.

    The minimum is asked of all list prices together, so that one more note in the cart never
    costs its buyer the coupon. Raises CouponNotForTheseNotes, CouponMinimumNotMet.
    """
    covers = tuple(_is_covered(note, coupon) for note in notes)
    if not any(covers):
        raise CouponNotForTheseNotes
    missing = coupon.min_order_paise - sum(note.price_paise for note in notes)
    if missing > 0:
        raise CouponMinimumNotMet(
            f"This coupon is for orders from {money.format_inr(coupon.min_order_paise)}: add "
            f"notes for {money.format_inr(missing)} more.",
            min_order_paise=coupon.min_order_paise,
            missing_paise=missing,
        )
    if coupon.flat_paise is not None:
        return Rebate(covers, bps=money.BASIS_POINTS, at_most_paise=coupon.flat_paise)
    # The database promises both parts of a percentage.
    percent, most = coupon.percent or 0, coupon.max_discount_paise or 0
    return Rebate(covers, bps=percent * 100, at_most_paise=most)


def reserve(*, coupon: Coupon, order: Order, now: datetime) -> None:
    """Take a use of the coupon for a new order, at the terms that priced it. A step.

    The last use goes to one of all who ask for it. Raises what `get_coupon` raises, and
    CouponChanged.
    """
    free = Coupon.objects.filter(_HAS_ROOM, pk=coupon.pk, is_active=True, **_terms(coupon))
    if not free.update(uses=F("uses") + 1):
        fresh = get_coupon(code=coupon.code, buyer_id=order.buyer_id, now=now)
        # Or it was used up, and in this moment a use was given back.
        raise CouponUsedUp if _terms(fresh) == _terms(coupon) else CouponChanged
    # Asked only now: the coupon's row is ours until the commit, so that no twin of this
    # buyer comes between. As a condition of the UPDATE it would not see a twin's use.
    _refuse_another_use_of(order.buyer_id, coupon)
    CouponUse.objects.create(coupon=coupon, order=order, buyer_id=order.buyer_id, reserved_at=now)


def spend(order: Order, *, now: datetime) -> None:
    """The use that a locked order holds, or held until it was closed, is spent. A step.

    Money that comes after the use was given back spends it all the same, past the limit if
    somebody else has it by now: the buyer pays what the order asked for. Without a coupon,
    or repeated, it does nothing.
    """
    if order.coupon_id is None:
        return
    is_spent = _move_use(order, CouponUseState.SPENT, spent_at=now)
    if is_spent and order.state not in OPEN_ORDER:
        Coupon.objects.filter(pk=order.coupon_id).update(
            uses=F("uses") + Case(When(_HAS_ROOM, then=1), default=0),
            late_uses=F("late_uses") + Case(When(_HAS_ROOM, then=0), default=1),
        )


def give_back(order: Order, *, now: datetime) -> None:
    """The use that a locked order has reserved is free again. A step; it may be repeated."""
    if order.coupon_id is None:
        return
    if _move_use(order, CouponUseState.GIVEN_BACK, given_back_at=now):
        Coupon.objects.filter(pk=order.coupon_id).update(uses=F("uses") - 1)


def _move_use(order: Order, to: CouponUseState, **stamp: datetime) -> bool:
    before = [old for old, following in COUPON_USE_MOVES.items() if to in following]
    held = CouponUse.objects.filter(order=order, state__in=before)
    return held.update(state=to, **stamp) == 1


def _refuse_another_use_of(buyer_id: UUID, coupon: Coupon) -> None:
    if coupon.max_uses_per_user is None:
        return
    live = CouponUse.objects.filter(coupon=coupon, buyer_id=buyer_id, state__in=LIVE_COUPON_USE)
    if live.count() >= coupon.max_uses_per_user:
        raise CouponAlreadyUsed


def _is_covered(note: Note, coupon: Coupon) -> bool:
    match coupon.scope:
        case CouponScope.CATEGORY:
            return note.category_id == coupon.category_id
        case CouponScope.SELLER:
            return note.seller_id == coupon.seller_id
        case CouponScope.NOTE:
            return note.pk == coupon.note_id
    return True


def _terms(coupon: Coupon) -> dict[str, Any]:
    columns = [field.attname for field in Coupon._meta.fields if field.name in TERMS]
    return {column: getattr(coupon, column) for column in columns}
