"""The third side: what reached our bank account, under which reference."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from uuid import UUID

from notevault.kit.clock import indian_day, indian_midnight
from payments.gateways.base import GatewayRejected, SettledEntry
from payments.models import RECEIPT_PREFIX, Payment, Refund
from payments.reconciliation import (
    books,
    comparison,
    dispute_report,
    payment_list,
    refund_list,
)
from payments.reconciliation.desk import Day, Desk
from payments.reconciliation.dispute_report import SETTLEMENT
from payments.reconciliation.windows import ONE_DAY
from payments.states import TAKEN, RefundState

# Two working days, and a long holiday in between.
SETTLED_WITHIN = timedelta(days=7)
FEE = ("fee_paise", "tax_paise")


def compare_settlements(day: Day) -> None:
    """Each line against our payment or refund, which keeps its settlement and UTR."""
    listed = day.gateway.list_settled(day=day.window.day)
    over = (entry for entry in listed if entry.settled_at < day.window.end)
    for batch in books.batches(over):
        day.desk.tally.settled += len(batch)
        _compare_batch(day, [entry for entry in batch if entry.type in ("payment", "refund")])
        dispute_report.compare_batch(day, [entry for entry in batch if entry.dispute_id])


def find_never_settled(desk: Desk, *, first: date, last: date) -> None:
    """Payments captured on these days that no report has named in time.

    Looks only at days whose reports of the seven days after were read by the same run.
    """
    last -= SETTLED_WITHIN
    if last < first:
        return
    captured = books.unsettled_payments(
        start=indian_midnight(first), end=indian_midnight(last + ONE_DAY)
    )
    for row in captured:
        on = indian_day(row.captured_at) if row.captured_at else first
        desk.take(comparison.never_settled(row), day=on)
    desk.forget(first=first, last=last, never_settled=True)


def _compare_batch(day: Day, batch: Sequence[SettledEntry]) -> None:
    ours = _ours(batch)
    behind = [entry for entry in batch if _is_behind(ours.get(entry.entity_id))]
    for entry in behind:
        _catch_up(day, entry)
    if behind:
        ours = _ours(batch)
    learnt: dict[UUID, Payment | Refund] = {}
    settled: dict[UUID, int] = {}
    for entry in batch:
        row = ours.get(entry.entity_id)
        if row is None:
            continue
        for finding in comparison.compare_settled(row, entry):
            day.take(finding)
        if _learn(row, entry):
            learnt[row.pk] = row
            settled[row.pk] = entry.credit_paise - entry.debit_paise
    paid = [row for row in learnt.values() if isinstance(row, Payment)]
    day.desk.complete(paid, *SETTLEMENT, *FEE, settled=settled)
    returned = [row for row in learnt.values() if isinstance(row, Refund)]
    day.desk.complete(returned, *SETTLEMENT, settled=settled)


def _ours(batch: Sequence[SettledEntry]) -> dict[str, Payment | Refund]:
    ids = [entry.entity_id for entry in batch]
    return {**books.payments_by_id(ids), **books.refunds_by_id(ids)}


def _is_behind(row: Payment | Refund | None) -> bool:
    """Settled money that is not captured here, or a settled refund that is not complete."""
    if isinstance(row, Payment):
        return row.state not in TAKEN
    return row is None or row.state != RefundState.PROCESSED


def _catch_up(day: Day, entry: SettledEntry) -> None:
    if entry.order_receipt and not entry.order_receipt.startswith(RECEIPT_PREFIX):
        day.note_foreign()
        return
    try:
        _compare_with_list(day, entry)
    except GatewayRejected:
        day.take(comparison.settled_unknown(entry))


def _compare_with_list(day: Day, entry: SettledEntry) -> None:
    """The report says too little of it, so the gateway is asked."""
    if entry.type == "payment":
        payment_list.compare_batch(day, [day.gateway.get_payment(entry.entity_id)])
    else:
        made = day.gateway.list_refunds(entry.payment_id)
        refund_list.compare_batch(day, [reply for reply in made if reply.id == entry.entity_id])


def _learn(row: Payment | Refund, entry: SettledEntry) -> bool:
    """True when the row knows more than before; a second settlement teaches it nothing."""
    if row.settlement_id:
        return False
    row.settlement_id = entry.settlement_id
    row.settlement_utr = entry.utr
    row.settled_at = entry.settled_at
    if isinstance(row, Payment) and row.fee_paise is None:
        row.fee_paise, row.tax_paise = entry.fee_paise, entry.tax_paise
    return True
