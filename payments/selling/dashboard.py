"""A seller's balances, and what was sold and given back in a period: seven queries."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from notevault.kit import clock, money
from payments.ledger.balances import balances_of
from payments.models import LedgerEntry, OrderItem
from payments.selling.accounts import accounts_of
from payments.states import AccountKind, TransactionKind

Row = dict[str, Any]

TOP_NOTES = 10
FIGURES = ("sales", "gross_paise", "share_paise", "refunded_paise", "disputed_paise")

_SOLD = Q(transaction__kind__in=[TransactionKind.SALE, TransactionKind.ACCEPTANCE])
_REFUNDED = Q(transaction__kind__in=[TransactionKind.REFUND_OWED, TransactionKind.REFUND_UNDONE])
_DISPUTED = Q(
    transaction__kind__in=[TransactionKind.DISPUTE_HELD, TransactionKind.DISPUTE_RELEASED]
)
_SUMS = {
    "sales": Count("pk", filter=_SOLD),
    "gross_paise": Coalesce(Sum("item__paid_paise", filter=_SOLD), 0),
    "share_paise": Coalesce(Sum("amount_paise", filter=_SOLD), 0),
    "refunded_paise": -Coalesce(Sum("amount_paise", filter=_REFUNDED), 0),
    "disputed_paise": -Coalesce(Sum("amount_paise", filter=_DISPUTED), 0),
}


def dashboard(*, seller_id: UUID, days: int, now: datetime) -> Row:
    """Today, in India, is the last of the days.

    A line counts as sold on the day its money came, and as refunded on the day its refund
    was owed, whenever it had been sold; one that fails counts back. Free notes move no money
    and are not counted.
    """
    today = clock.indian_day(now)
    first = today - timedelta(days=days - 1)
    entries = _entries(seller_id, since=first)
    by_day = _by_day(entries, first, days)
    totals = _sum_of(by_day)
    top = _by_note(entries)
    return {
        "balances": _balances(seller_id),
        "from": first,
        "to": today,
        "totals": _with_net(totals),
        "by_note": [_with_net(row) for row in top],
        "other_notes": _with_net(_rest(totals, top)),
        "by_day": [_with_net(row) for row in by_day],
        "releases": list(_releases(seller_id)),
    }


def _balances(seller_id: UUID) -> Row:
    found = balances_of(seller_id)
    available = found.get(AccountKind.SELLER_AVAILABLE, 0)
    owed = max(0, -available)
    return {
        "pending_paise": found.get(AccountKind.SELLER_PENDING, 0),
        "available_paise": available,
        "in_transit_paise": found.get(AccountKind.PAYOUTS_IN_TRANSIT, 0),
        "paid_out_paise": _paid_out(seller_id),
        "owed_paise": owed,
        "sentence": _owed_in_words(owed),
    }


def _owed_in_words(owed_paise: int) -> str:
    if not owed_paise:
        return ""
    amount = money.format_inr(owed_paise)
    return (
        f"Refunds and disputes took {amount} more than your balance held. What leaves escrow "
        "next makes up for it; until then nothing can be paid out."
    )


def _paid_out(seller_id: UUID) -> int:
    accounts = accounts_of(seller_id, AccountKind.PAYOUTS_IN_TRANSIT)
    paid = LedgerEntry.objects.filter(
        account_id__in=list(accounts),
        transaction__kind__in=[TransactionKind.PAYOUT_PAID, TransactionKind.PAYOUT_RETURNED],
    )
    return -(paid.aggregate(total=Sum("amount_paise"))["total"] or 0)


def _entries(seller_id: UUID, *, since: date) -> QuerySet[LedgerEntry]:
    accounts = accounts_of(seller_id, AccountKind.SELLER_PENDING, AccountKind.SELLER_AVAILABLE)
    return LedgerEntry.objects.filter(
        _SOLD | _REFUNDED | _DISPUTED,
        account_id__in=list(accounts),
        at__gte=clock.indian_midnight(since),
    )


def _by_day(entries: QuerySet[LedgerEntry], first: date, days: int) -> list[Row]:
    on_days = entries.annotate(day=TruncDate("at", tzinfo=clock.INDIA)).values("day")
    found: dict[date, Any] = {row["day"]: row for row in on_days.annotate(**_SUMS)}
    every_day = (first + timedelta(days=number) for number in range(days))
    nothing = dict.fromkeys(FIGURES, 0)
    return [found.get(day, {"day": day, **nothing}) for day in every_day]


def _by_note(entries: QuerySet[LedgerEntry]) -> list[Row]:
    of_notes = entries.values(note_id=F("item__note_id"), title=F("item__note__title"))
    figures: Any = of_notes.annotate(**_SUMS)
    return list(figures.order_by("-share_paise", "note_id")[:TOP_NOTES])


def _sum_of(rows: list[Row]) -> Row:
    return {name: sum(row[name] for row in rows) for name in FIGURES}


def _rest(totals: Row, top: list[Row]) -> Row:
    shown = _sum_of(top)
    return {name: totals[name] - shown[name] for name in FIGURES}


def _with_net(row: Row) -> Row:
    net = row["share_paise"] - row["refunded_paise"] - row["disputed_paise"]
    return {**row, "net_paise": net}


def _releases(seller_id: UUID) -> Any:
    """What leaves escrow on which day; today's may be under way."""
    held = OrderItem.objects.filter(
        seller_id=seller_id, release_at__isnull=False, released_at=None
    ).annotate(day=TruncDate("release_at", tzinfo=clock.INDIA))
    left = Sum(F("seller_share_paise") - F("reversed_share_paise"))
    return held.values("day").annotate(amount_paise=left).filter(amount_paise__gt=0).order_by("day")
