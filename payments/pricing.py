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
class Line:
    """One note as it is sold: `price - discount = paid = commission + seller_share`."""

    price_paise: int
    discount_paise: int
    paid_paise: int
    commission_bps: int
    commission_paise: int
    seller_share_paise: int


@dataclass(frozen=True)
class Quote:
    lines: tuple[Line, ...]
    subtotal_paise: int
    discount_paise: int
    total_paise: int


def quote(notes: Sequence[tuple[int, int]]) -> Quote:
    """Price a cart of (price in paise, pages) pairs, in their order.

    The bulk discount is spread over the lines in proportion to their prices, to the
    paisa. It takes no line below one rupee, the least that the gateway gives back.
    """
    prices = [price for price, _ in notes]
    subtotal = sum(prices)
    wanted = money.percent_of(subtotal, bps=_bulk_discount_bps(len(notes)))
    shares = [
        min(share, max(0, price - MIN_PAID_PAISE))
        for share, price in zip(money.allocate(wanted, weights=prices), prices, strict=True)
    ]
    discount = sum(shares)
    lines = tuple(
        _line(price, pages, discount_paise=share)
        for (price, pages), share in zip(notes, shares, strict=True)
    )
    return Quote(lines, subtotal, discount, subtotal - discount)


def commission_bps(pages: int) -> int:
    return next(bps for least, bps in COMMISSION if pages >= least)


def _bulk_discount_bps(count: int) -> int:
    return next((bps for least, bps in BULK_DISCOUNT if count >= least), 0)


def _line(price_paise: int, pages: int, *, discount_paise: int) -> Line:
    paid = price_paise - discount_paise
    bps = commission_bps(pages)
    commission = money.percent_of(paid, bps=bps)
    return Line(price_paise, discount_paise, paid, bps, commission, paid - commission)
