"""What refunds and disputes take back from order lines, to the paisa. Steps on a locked order.

A line gives back at most what was paid for it. What it gives is split over the seller's
share, the commission and the tax in proportion to what is left of each, so that a line that
has gone back whole has given each part whole, however many steps it took.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, Sum

from notevault.kit import money
from notevault.kit.errors import DomainError
from payments.models import Dispute, Order, OrderItem, Payment, Refund, Reversal
from payments.states import RefundState

COUNTERS = ("reversed_paise", "reversed_share_paise", "reversed_tax_paise")


class LineExhausted(DomainError):
    code = "line_exhausted"
    message = "More is asked back than is left of what was paid for this note."


def left_paise(item: OrderItem) -> int:
    return item.paid_paise - item.reversed_paise


def spread(items: Sequence[OrderItem], amount_paise: int) -> dict[UUID, int]:
    """Split an amount over lines in proportion to what is left of each; at most that."""
    left = [left_paise(item) for item in items]
    parts = money.allocate(min(amount_paise, sum(left)), weights=left)
    return {item.pk: part for item, part in zip(items, parts, strict=True) if part}


def allocate(
    *,
    order: Order,
    payment: Payment,
    amount_paise: int,
    preferred: Mapping[UUID, int] | None = None,
    but_for: Refund | None = None,
) -> dict[UUID, int]:
    """Which lines give back how much of an amount that nobody has named lines for.

    The `preferred` ones first, then the money that bought nothing (which no line gives),
    then all lines in proportion. `but_for` is the refund in question, if it has a row already.
    """
    if not payment.settles:
        return {}
    items = [item for item in order.items.all() if item.release_at and left_paise(item)]
    wanted = preferred or {}
    lines = {i.pk: min(wanted.get(i.pk, 0), left_paise(i)) for i in items}
    rest = amount_paise - sum(lines.values())
    rest -= min(rest, unearned_left(order, payment, but_for=but_for))
    for item in items:
        item.reversed_paise += lines[item.pk]
    for item_id, part in spread(items, rest).items():
        lines[item_id] += part
    return {item_id: part for item_id, part in lines.items() if part}


def unearned_left(order: Order, payment: Payment, *, but_for: Refund | None = None) -> int:
    """The paise of a payment that bought nothing and that nobody has claimed yet."""
    refunds = payment.refunds.exclude(state=RefundState.FAILED)
    if but_for is not None:
        refunds = refunds.exclude(pk=but_for.pk)
    claimed = _sum(refunds, "amount_paise") + payment.disputed_paise
    of_payment = Q(refund__payment=payment) | Q(dispute__payment=payment)
    from_lines = _sum(Reversal.objects.filter(of_payment, undone_at=None), "amount_paise")
    return max(0, unearned_paise(order, payment) - (claimed - from_lines))


def unearned_paise(order: Order, payment: Payment) -> int:
    """The paise of a captured payment that bought nothing."""
    if not payment.settles:
        return payment.amount_paise
    bought = order.items.filter(release_at__isnull=False)
    return max(0, payment.amount_paise - _sum(bought, "paid_paise"))


def _sum(rows: Any, column: str) -> int:
    return rows.aggregate(total=Sum(column))["total"] or 0


def reverse_lines(
    *,
    lines: Mapping[UUID, int],
    now: datetime,
    refund: Refund | None = None,
    dispute: Dispute | None = None,
) -> list[Reversal]:
    """Take these paise back from these lines. Raises LineExhausted, and then nothing moved."""
    if not lines:
        return []
    items = OrderItem.objects.in_bulk(list(lines))
    made = [
        _take(items[item_id], amount, Reversal(refund=refund, dispute=dispute, created_at=now))
        for item_id, amount in lines.items()
    ]
    OrderItem.objects.bulk_update(items.values(), COUNTERS)
    return Reversal.objects.bulk_create(made)


def _take(item: OrderItem, amount_paise: int, reversal: Reversal) -> Reversal:
    if amount_paise > left_paise(item):
        raise LineExhausted(item_id=str(item.pk))
    parts = parts_of(item, amount_paise)
    reversal.item, reversal.amount_paise = item, amount_paise
    reversal.seller_share_paise, reversal.commission_paise, reversal.tax_paise = parts
    _count(item, reversal, +1)
    return reversal


def parts_of(item: OrderItem, amount_paise: int) -> tuple[int, int, int]:
    """Of an amount that a line gives back: the seller's share, the commission without its
    tax, and the tax."""
    share = item.seller_share_paise - item.reversed_share_paise
    tax = item.tax_paise - item.reversed_tax_paise
    fee = left_paise(item) - share - tax
    return _with_even_tax(*money.allocate(amount_paise, weights=[share, fee, tax]))


def _with_even_tax(share: int, fee: int, tax: int) -> tuple[int, int, int]:
    """CGST and SGST are equal halves of what goes back, too. What is left of the tax is even,
    so there is a paisa more of it where the part is odd."""
    if tax % 2 == 0 or not (fee or share):
        return share, fee, tax
    return (share, fee - 1, tax + 1) if fee else (share - 1, fee, tax + 1)


def whole_refunds(taken: Sequence[Reversal]) -> list[UUID]:
    """Of lines just reversed those whose whole price goes back by refunds alone; what a
    dispute holds may still be let go."""
    by_refunds = Reversal.objects.filter(
        item__in=[row.item_id for row in taken], refund__isnull=False, undone_at=None
    )
    totals = dict(by_refunds.values_list("item_id").annotate(total=Sum("amount_paise")))
    return [row.item_id for row in taken if totals.get(row.item_id) == row.item.paid_paise]


def undo(reversals: Iterable[Reversal], *, now: datetime) -> list[Reversal]:
    """The money stays with its lines after all: the refund failed, or the dispute was not
    lost. Those that were undone before are left alone; returns the others."""
    undone = [row for row in reversals if row.undone_at is None]
    items = OrderItem.objects.in_bulk([row.item_id for row in undone])
    for row in undone:
        row.item, row.undone_at = items[row.item_id], now
        _count(row.item, row, -1)
    Reversal.objects.bulk_update(undone, ["undone_at"])
    OrderItem.objects.bulk_update(items.values(), COUNTERS)
    return undone


def _count(item: OrderItem, reversal: Reversal, sign: int) -> None:
    item.reversed_paise += sign * reversal.amount_paise
    item.reversed_share_paise += sign * reversal.seller_share_paise
    item.reversed_tax_paise += sign * reversal.tax_paise
