"""What a seller, or staff, is shown of a payout: never a whole account number."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from notevault.kit import money
from notevault.kit.errors import DomainError
from notevault.kit.pagination import Sort
from payments.models import Payout

Row = dict[str, Any]

NEWEST = Sort("created_at")
_BANK = ("holder_name", "account_number", "ifsc")
_PAYOUT = (
    "id",
    "state",
    "amount_paise",
    "upi_id",
    *_BANK,
    "utr",
    "refused_why",
    "created_at",
    "paid_at",
)


class PayoutNotFound(DomainError):
    code = "not_found"
    message = "There is no such payout."


def list_payouts(seller_id: UUID) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = Payout.objects.filter(seller_id=seller_id).values(*_PAYOUT)
    return rows


def get_payout(*, payout_id: UUID, seller_id: UUID) -> Row:
    """The seller's own payout as it is shown. Raises PayoutNotFound for others'."""
    row: Row | None = list_payouts(seller_id).filter(pk=payout_id).first()
    if row is None:
        raise PayoutNotFound
    return shown(row)


def shown(row: Row) -> Row:
    """A row of `list_payouts` as the API gives it."""
    bank = {name: row.pop(name) for name in _BANK}
    bank["account_number"] = masked(bank["account_number"])
    is_upi = bool(row["upi_id"])
    return {
        **row,
        "currency": money.CURRENCY,
        "upi_id": row["upi_id"] or None,
        "bank_account": None if is_upi else bank,
        "utr": row["utr"] or None,
        "refused_why": row["refused_why"] or None,
    }


def masked(account_number: str) -> str:
    """The last four digits behind as many X as there are others."""
    return account_number[-4:].rjust(len(account_number), "X")
