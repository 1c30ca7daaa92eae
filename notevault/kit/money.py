"""Money is integer paise: 100 paise are one rupee. No float, no Decimal."""

from __future__ import annotations

from collections.abc import Sequence

CURRENCY = "INR"
BASIS_POINTS = 10_000


def percent_of(amount_paise: int, *, bps: int) -> int:
    """The share of `amount_paise` given in basis points, rounded half up to a paisa."""
    return (amount_paise * bps * 2 + BASIS_POINTS) // (2 * BASIS_POINTS)


def allocate(amount_paise: int, *, weights: Sequence[int]) -> list[int]:
    """Split an amount over weights to the paisa, by largest remainder.

    The parts sum to `amount_paise` and no part exceeds its weight as long as the amount
    does not exceed the sum of weights. All-zero weights take an amount of zero only.
    """
    total = sum(weights)
    if total == 0:
        if amount_paise:
            raise ValueError("an amount cannot be split over weights that are all zero")
        return [0] * len(weights)
    parts = [amount_paise * weight // total for weight in weights]
    by_remainder = sorted(
        range(len(weights)),
        key=lambda i: (-(amount_paise * weights[i] % total), i),
    )
    for i in by_remainder[: amount_paise - sum(parts)]:
        parts[i] += 1
    return parts


def format_inr(amount_paise: int) -> str:
    """Rupees as people in India write them: `₹1,23,456.50`."""
    sign = "-" if amount_paise < 0 else ""
    rupees, paise = divmod(abs(amount_paise), 100)
    digits = str(rupees)
    head, tail = digits[:-3], digits[-3:]
    groups: list[str] = []
    while head:
        groups.insert(0, head[-2:])
        head = head[:-2]
    return f"{sign}₹{','.join([*groups, tail])}.{paise:02d}"


def plain_rupees(amount_paise: int) -> str:
    """Rupees for machines and spreadsheets: `-123456.50`."""
    sign = "-" if amount_paise < 0 else ""
    rupees, paise = divmod(abs(amount_paise), 100)
    return f"{sign}{rupees}.{paise:02d}"
