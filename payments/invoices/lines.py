"""What stands on a document: for each note its value, our fee, and the tax on our fee.

The note's value is its seller's and bears no GST; the fee does. Together they are, to the
paisa, what was paid or what goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any
from uuid import UUID

SUMS = ("note_value_paise", "taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")


@dataclass(frozen=True)
class Line:
    note_id: str
    title: str
    note_value_paise: int
    taxable_paise: int
    rate_bps: int
    cgst_paise: int
    sgst_paise: int
    igst_paise: int
    total_paise: int


@dataclass(frozen=True)
class Shares:
    """Money of one line: the seller's, and our commission with the tax that is in it."""

    note_id: UUID
    title: str
    seller_paise: int
    commission_paise: int
    tax_paise: int


def make_line(shares: Shares, *, rate_bps: int, is_intra_state: bool) -> Line:
    """CGST and SGST in equal halves within the supplier's state, else IGST."""
    # A tax that is odd cannot be halved: its last paisa counts as fee.
    tax = shares.tax_paise - shares.tax_paise % 2
    half = tax // 2 if is_intra_state else 0
    return Line(
        note_id=str(shares.note_id),
        title=shares.title,
        note_value_paise=shares.seller_paise,
        taxable_paise=shares.commission_paise - tax,
        rate_bps=rate_bps,
        cgst_paise=half,
        sgst_paise=half,
        igst_paise=0 if is_intra_state else tax,
        total_paise=shares.seller_paise + shares.commission_paise,
    )


def sums(lines: Iterable[Line]) -> dict[str, int]:
    """The columns of the document."""
    rows = list(lines)
    return {name: sum(getattr(row, name) for row in rows) for name in (*SUMS, "total_paise")}


def as_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    return [asdict(line) for line in lines]


def from_json(rows: Sequence[dict[str, Any]]) -> list[Line]:
    names = [field.name for field in fields(Line)]
    return [Line(**{name: row[name] for name in names}) for row in rows]
