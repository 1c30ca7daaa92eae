"""What an order costs and who gets what of it: pure arithmetic in paise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from notevault.kit import money

# (at least so many pages, commission in basis points), the first that fits.
COMMISSION = ((151, 1000), (51, 1200), (0, 1500))
# (at least so many notes, discount in basis points), the first that fits.
BULK_DISCOUNT = ((10, 1500), (5, 1000), (3, 500))
MIN_PAID_PAISE = 100


@dataclass(frozen=True)
class Rebate:
    """What a coupon takes off the lines that it covers: a share of them, up to a cap. A flat
    amount is all of them up to that amount."""

    covers: tuple[bool, ...]
    bps: int
    at_most_paise: int


@dataclass(frozen=True)
class Line:
    """One note as it is sold: `price - discount = paid = commission + seller_share`.

    The discount holds the coupon's part.
    """

    price_paise: int
    discount_paise: int
    coupon_discount_paise: int
    paid_paise: int
    commission_bps: int
    commission_paise: int
    seller_share_paise: int

    @property
    def bulk_discount_paise(self) -> int:
        return self.discount_paise - self.coupon_discount_paise


@dataclass(frozen=True)
class Quote:
    lines: tuple[Line, ...]
    subtotal_paise: int
    discount_paise: int
    coupon_discount_paise: int
    total_paise: int

    @property
    def bulk_discount_paise(self) -> int:
        return self.discount_paise - self.coupon_discount_paise


def quote(notes: Sequence[tuple[int, int]], rebate: Rebate | None = None) -> Quote:
    """Price a cart of (price in paise, pages) pairs, in their order.

    First the bulk discount, then the coupon. Each is spread over its lines in proportion to
    what they cost, to the paisa, and leaves no line between nothing and one rupee, the least
    that the gateway takes or gives back.
    """
    prices = [price for price, _ in notes]
    in_bulk = _bulk_discounts(prices)
    left = [price - share for price, share in zip(prices, in_bulk, strict=True)]
    by_coupon = _coupon_discounts(left, rebate) if rebate else [0] * len(left)
    lines = tuple(
        _line(price, pages, in_bulk_paise=bulk, by_coupon_paise=coupon)
        for (price, pages), bulk, coupon in zip(notes, in_bulk, by_coupon, strict=True)
    )
    subtotal, discount = sum(prices), sum(in_bulk) + sum(by_coupon)
    return Quote(lines, subtotal, discount, sum(by_coupon), subtotal - discount)


def commission_bps(pages: int) -> int:
    return next(bps for least, bps in COMMISSION if pages >= least)


def _bulk_discounts(prices: Sequence[int]) -> list[int]:
    bps = next((bps for least, bps in BULK_DISCOUNT if len(prices) >= least), 0)
    wanted = money.percent_of(sum(prices), bps=bps)
    shares = money.allocate(wanted, weights=prices)
    return [min(share, room) for share, room in zip(shares, _room(prices), strict=True)]


def _coupon_discounts(left: Sequence[int], rebate: Rebate) -> list[int]:
    covered = [paise if is_in else 0 for paise, is_in in zip(left, rebate.covers, strict=True)]
    wanted = min(rebate.at_most_paise, money.percent_of(sum(covered), bps=rebate.bps))
    if wanted >= sum(covered):
        return covered
    room = _room(covered)
    wanted = min(wanted, sum(room))
    shares = money.allocate(wanted, weights=covered)
    if all(share <= most for share, most in zip(shares, room, strict=True)):
        return shares
    # A cheap line cannot give its share: the others give it, so that a coupon of ₹50 takes
    # ₹50 off whenever the lines have them.
    return money.allocate(wanted, weights=room)


def _room(amounts: Sequence[int]) -> list[int]:
    """How much each line can become cheaper without becoming free."""
    return [max(0, paise - MIN_PAID_PAISE) for paise in amounts]


def _line(price_paise: int, pages: int, *, in_bulk_paise: int, by_coupon_paise: int) -> Line:
    discount = in_bulk_paise + by_coupon_paise
    paid = price_paise - discount
    bps = commission_bps(pages)
    commission = money.percent_of(paid, bps=bps)
    return Line(price_paise, discount, by_coupon_paise, paid, bps, commission, paid - commission)
