"""A buyer says that a file is broken: look at what is stored, and decide if it is."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notes.inspection import find_damage
from notevault.kit import crash
from ops.transactions import use_case
from payments import locks
from payments.models import RefundRequest
from payments.refund_requests import rules
from payments.refund_requests.deciding import grant
from payments.refund_requests.sale import NothingLeftToRefund, Sale
from payments.refunds import PaymentDisputed
from payments.reversals import LineExhausted
from payments.states import Decider, RequestState

FOR_STAFF = (PaymentDisputed, LineExhausted, NothingLeftToRefund)


def check_files(*, request_id: UUID, now: datetime) -> None:
    """Approve a request whose files are all damaged; leave any other to the staff, with what
    was found. Safe to repeat. Raises StorageUnavailable."""
    request = RefundRequest.objects.get(pk=request_id)
    if request.state != RequestState.REQUESTED:
        return
    items = [line.item for line in request.lines.select_related("item")]
    damage = [find_damage(item.note_id) for item in items]
    findings = "; ".join(
        f"{item.title}: {found or 'the file is whole'}"
        for item, found in zip(items, damage, strict=True)
    )
    try:
        _decide(request_id, all(damage), findings, now)
    except FOR_STAFF as refusal:
        _decide(request_id, False, f"{refusal.detail} {findings}", now)
    crash.point("refund.approved")


@use_case
def _decide(request_id: UUID, is_broken: bool, findings: str, now: datetime) -> None:
    order, payment, request = locks.lock_request(request_id)
    if request.state != RequestState.REQUESTED:
        return
    sale = Sale(order, payment)
    is_large = rules.needs_two(sale, request.amount_paise, but_for=request.pk)
    request.findings = findings[:200]
    if not is_broken or is_large:
        request.decider = Decider.TWO_STAFF if is_large else Decider.STAFF
    request.save(update_fields=["findings", "decider"])
    if request.decider == Decider.AUTOMATIC:
        grant(sale, request, why="the file is broken", now=now)
