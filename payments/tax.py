"""Goods and services tax: dated rates, and the tax within a price that includes it.

What NoteVault supplies, and is taxed for, is its commission: see
`deploy/decisions/0007-gst-is-on-our-commission.md`.
"""

from __future__ import annotations

from datetime import date

from notevault.kit.money import BASIS_POINTS

# (from that day on, rate in basis points), the newest first.
GST_RATES = ((date(2017, 7, 1), 1800),)


def gst_bps(on: date) -> int:
    """The rate on a day of Indian time. ValueError before there was such a tax."""
    for since, bps in GST_RATES:
        if on >= since:
            return bps
    raise ValueError(f"there was no GST on {on}")


def tax_within(amount_paise: int, *, bps: int) -> int:
    """The tax in an amount that includes it. Even, so that CGST and SGST are equal halves."""
    whole = BASIS_POINTS + bps
    return 2 * ((amount_paise * bps + whole) // (2 * whole))
