"""Books opened late: what was sold before there was a ledger is posted from its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum

from notes.models import NoteAccess
from notevault.kit.clock import indian_day
from ops import jobs
from ops.transactions import use_case
from payments import fulfilment, locks, refunds, tax
from payments.ledger import bank, journal
from payments.ledger.posting import kinds_posted
from payments.models import LedgerTransaction, Order, OrderItem, Payment, Refund
from payments.states import TAKEN, ItemOutcome, RefundState, TransactionKind

BATCH = 500
# The least commission with tax in it: what is less and has none is not untaxed.
LEAST_TAXED_PAISE = 7
SOLD = (TransactionKind.SALE, TransactionKind.ACCEPTANCE)


@dataclass(frozen=True)
class Unopened:
    """How many orders are to be posted, and what was paid for them."""

    orders: int
    payments: int
    amount_paise: int


def count_unopened() -> Unopened:
    missing = _missing_payments().aggregate(sum=Sum("amount_paise"))
    return Unopened(
        _unopened_orders().count(), _missing_payments().count(), int(missing["sum"] or 0)
    )


def open_books(*, now: datetime) -> Iterator[int]:
    """Post what is missing, an order in each transaction; gives how many are done so far.

    Safe to stop, to repeat, and to run while the shop sells.
    """
    done, last = 0, UUID(int=0)
    ids = _unopened_orders().values_list("pk", flat=True)
    while batch := list(ids.filter(pk__gt=last)[:BATCH]):
        for order_id in batch:
            open_order(order_id=order_id, now=now)
        done, last = done + len(batch), batch[-1]
        yield done


@use_case
def open_order(*, order_id: UUID, now: datetime) -> None:
    """Afterwards the order's lines know their tax and their escrow, and the ledger has its
    payments, fees, refunds and settlements; jobs write the invoices. What it had already
    stays as it is."""
    order = locks.lock_order(order_id)
    payments = locks.lock_payments(order)
    returned = {payment.pk: locks.lock_refunds(payment) for payment in payments}
    sold = {p.pk: kinds_posted(p.pk) & set(SOLD) for p in payments}
    if not any(sold.values()):
        _set_tax(order)
        _set_escrow(order)
    for payment in payments:
        if payment.state in TAKEN and not sold[payment.pk]:
            _open_payment(order, payment, returned[payment.pk], now)


def _open_payment(order: Order, payment: Payment, returned: list[Refund], now: datetime) -> None:
    if payment.settles:
        bought = list(order.items.filter(release_at__isnull=False))
        journal.record_sale(
            order=order, payment=payment, granted=bought, was_captured=True, now=now
        )
        jobs.defer("payments.tasks.issue_invoice", order_id=str(order.pk))
    else:
        journal.record_unearned(payment=payment, why="older than the ledger", now=now)
    for refund in returned:
        _open_refund(payment, refund, now)
    _bank([payment], payment.amount_paise - (payment.fee_paise or 0), now)
    for refund in returned:
        _bank([refund], -refund.amount_paise, now)
    fulfilment.follow_returns(order=order, payment=payment, why="books opened", now=now)


def _open_refund(payment: Payment, refund: Refund, now: datetime) -> None:
    if refund.state == RefundState.FAILED:
        return
    if not refund.reversals.filter(undone_at=None).exists():
        refunds.take_from_lines(payment, refund, None, now)
    is_gone = refund.state == RefundState.PROCESSED
    if is_gone and TransactionKind.REFUND_PROCESSED not in kinds_posted(refund.pk):
        journal.record_refund_processed(refund=refund, payment=payment, now=now)
    refunds.credit(refund)


def _bank(rows: Sequence[Payment | Refund], paise: int, now: datetime) -> None:
    """What the report said of the amount was not kept, so it is taken for right."""
    settled = {row.pk: paise for row in rows if row.settlement_id}
    bank.record_learnt(rows=rows, settled=settled, now=now)


def _set_tax(order: Order) -> None:
    """By the rate of the day on which it was ordered, as the checkout does."""
    bps = tax.gst_bps(indian_day(order.created_at))
    lines = list(order.items.filter(tax_paise=0))
    for line in lines:
        line.tax_paise = tax.tax_within(line.commission_paise, bps=bps)
    OrderItem.objects.bulk_update(lines, ["tax_paise"])


def _set_escrow(order: Order) -> None:
    """Of the lines that were granted once, also of those that were taken back since."""
    if order.paid_at is None:
        return
    granted = NoteAccess.objects.filter(reference__in=order.items.values("pk"))
    sold = order.items.filter(pk__in=granted.values("reference"), release_at=None)
    sold.update(release_at=order.paid_at + fulfilment.ESCROW)


def _unopened_orders() -> QuerySet[Order]:
    mine = OuterRef("pk")
    untaxed = Q(tax_paise=0, commission_paise__gte=LEAST_TAXED_PAISE)
    lines = OrderItem.objects.filter(
        untaxed | Q(outcome=ItemOutcome.GRANTED), order=mine, release_at=None
    )
    orders = Order.objects.filter(Exists(lines) | Exists(_missing_payments().filter(order=mine)))
    return orders.order_by("pk")


def _missing_payments() -> QuerySet[Payment]:
    """Captured, and not in the ledger as what they are."""
    posted = LedgerTransaction.objects.filter(subject_id=OuterRef("pk"))
    has_sale = Exists(posted.filter(kind__in=SOLD))
    is_unearned = Exists(posted.filter(kind=TransactionKind.UNEARNED))
    captured = Payment.objects.filter(state__in=TAKEN, amount_paise__gt=0)
    return captured.filter(Q(settles=True) & ~has_sale | Q(settles=False) & ~is_unearned)
