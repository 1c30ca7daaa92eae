"""Lost disputes in the settlement report: adjustments that take what the gateway deducted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from payments.gateways.base import GatewayDispute, GatewayRejected, SettledEntry
from payments.models import Dispute
from payments.reconciliation import books, comparison, cures, payment_list
from payments.reconciliation.desk import Day
from payments.states import DisputeState

SETTLEMENT = ("settlement_id", "settlement_utr", "settled_at")


def compare_batch(day: Day, batch: Sequence[SettledEntry]) -> None:
    """Each against our dispute, which keeps its settlement and UTR. One that is not lost
    here is asked for first."""
    ours = books.disputes_by_id(entry.dispute_id for entry in batch)
    behind = [entry for entry in batch if not _is_lost(ours.get(entry.dispute_id))]
    for entry in behind:
        _catch_up(day, entry, ours)
    if behind:
        ours = books.disputes_by_id(entry.dispute_id for entry in batch)
    learnt: dict[UUID, Dispute] = {}
    settled: dict[UUID, int] = {}
    for entry in batch:
        row = ours.get(entry.dispute_id)
        if row is None or not _is_lost(row):
            continue
        for finding in comparison.compare_settled(row, entry):
            day.take(finding)
        if not row.settlement_id:
            row.settlement_id, row.settlement_utr = entry.settlement_id, entry.utr
            row.settled_at = entry.settled_at
            learnt[row.pk] = row
            settled[row.pk] = entry.credit_paise - entry.debit_paise
    day.desk.complete(list(learnt.values()), *SETTLEMENT, settled=settled)


def _is_lost(row: Dispute | None) -> bool:
    return row is not None and row.state == DisputeState.LOST


def _catch_up(day: Day, entry: SettledEntry, ours: Mapping[str, Dispute]) -> None:
    try:
        heard = day.gateway.get_dispute(entry.dispute_id)
        is_ours = entry.dispute_id in ours or _is_ours(day, heard)
    except GatewayRejected:
        day.take(comparison.settled_unknown(entry))
        return
    if not is_ours:
        day.note_foreign()
        return
    finding = comparison.lost_there(ours.get(entry.dispute_id), entry)
    day.take(finding, cure=partial(cures.lose_dispute, heard=heard, now=day.desk.now))


def _is_ours(day: Day, heard: GatewayDispute) -> bool:
    if books.payments_by_id([heard.payment_id]):
        return True
    payment = day.gateway.get_payment(heard.payment_id)
    try:
        payment_list.order_of(day, payment, books.order_ids([payment.order_id]))
    except payment_list.Foreign:
        return False
    return True
