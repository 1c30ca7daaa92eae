"""Every entry of a seller's accounts, newest first, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Value

from notevault.kit import clock, money
from notevault.kit.pagination import Rows, Sort, paginate
from ops.transactions import lend_connection
from payments.models import LedgerEntry
from payments.selling.accounts import accounts_of
from payments.states import AccountKind, TransactionKind

Row = dict[str, Any]

# Within an account, ids are the order in which its balance moved; times are not quite.
NEWEST = Sort("id")
ACCOUNTS = {
    "pending": AccountKind.SELLER_PENDING,
    "available": AccountKind.SELLER_AVAILABLE,
    "in_transit": AccountKind.PAYOUTS_IN_TRANSIT,
}
BATCH = 1000

_OF_A_NOTE = {
    TransactionKind.SALE: "Sale of {title}",
    TransactionKind.ACCEPTANCE: "Sale of {title}",
    TransactionKind.REFUND_OWED: "Refund of {title}",
    TransactionKind.REFUND_UNDONE: "Refund of {title} was not made",
    TransactionKind.DISPUTE_HELD: "Held for a dispute: {title}",
    TransactionKind.DISPUTE_RELEASED: "No longer held for a dispute: {title}",
    TransactionKind.ESCROW_RELEASE: "Released from escrow: {title}",
}
_OF_A_PAYOUT = {
    TransactionKind.PAYOUT_REQUESTED: "Payout of {amount} requested",
    TransactionKind.PAYOUT_UNDONE: "Payout of {amount} came back to your balance",
    TransactionKind.PAYOUT_PAID: "Payout of {amount} paid to you",
    TransactionKind.PAYOUT_RETURNED: "Payout of {amount} sent back by your bank",
}
CSV_HEADER = (
    "time",
    "account",
    "kind",
    "description",
    "note",
    "order_id",
    "payout_id",
    "amount_inr",
    "amount_paise",
    "balance_after_inr",
    "balance_after_paise",
)


def list_entries(
    seller_id: UUID,
    *,
    account: str | None = None,
    start: date | None = None,
    end: date | None = None,
) -> list[Rows]:
    """One list for each account, to be merged by `paginate`. Indian days, both included."""
    kinds = [ACCOUNTS[account]] if account else list(ACCOUNTS.values())
    names = {kind: name for name, kind in ACCOUNTS.items()}
    entries = LedgerEntry.objects.all()
    if start:
        entries = entries.filter(at__gte=clock.indian_midnight(start))
    if end:
        entries = entries.filter(at__lt=clock.indian_midnight(end + timedelta(days=1)))
    accounts = accounts_of(seller_id, *kinds)
    lists = [_rows(entries.filter(account_id=pk), names[kind]) for pk, kind in accounts.items()]
    return lists or [_rows(entries.none(), "")]


def _rows(entries: Any, account: str) -> Rows:
    rows: Rows = entries.values(
        "id",
        "at",
        "amount_paise",
        "balance_after_paise",
        place=Value(account),
        kind=F("transaction__kind"),
        subject_id=F("transaction__subject_id"),
        order_id=F("item__order_id"),
        note_id=F("item__note_id"),
        note_title=F("item__title"),
    )
    return rows


def shape(row: Row) -> Row:
    """A row under the names of the API, with its sentence."""
    kind, subject_id = row["kind"], row.pop("subject_id")
    row["account"] = row.pop("place")
    row["payout_id"] = subject_id if kind in _OF_A_PAYOUT else None
    row["description"] = describe(kind, title=row["note_title"], amount_paise=row["amount_paise"])
    return row


def describe(kind: str, *, title: str | None, amount_paise: int) -> str:
    moved = TransactionKind(kind)
    if moved in _OF_A_PAYOUT:
        return _OF_A_PAYOUT[moved].format(amount=money.format_inr(abs(amount_paise)))
    sentence = _OF_A_NOTE.get(moved, f"{moved.label}: {{title}}")
    return sentence.format(title=title or "several notes")


def csv_batches(lists: list[Rows]) -> Iterator[list[list[str | int]]]:
    """All of it in batches. Between them the database connection is somebody else's."""
    cursor: str | None = None
    while True:
        page = paginate(lists, sort=NEWEST, filters={}, cursor=cursor, limit=BATCH)
        lend_connection()
        yield [_csv_row(shape(row)) for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return


def _csv_row(row: Row) -> list[str | int]:
    return [
        row["at"].astimezone(clock.INDIA).isoformat(timespec="seconds"),
        row["account"],
        row["kind"],
        row["description"],
        row["note_title"] or "",
        str(row["order_id"] or ""),
        str(row["payout_id"] or ""),
        money.plain_rupees(row["amount_paise"]),
        row["amount_paise"],
        money.plain_rupees(row["balance_after_paise"]),
        row["balance_after_paise"],
    ]
