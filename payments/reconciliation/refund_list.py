"""The gateway's refunds of a day against ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from payments.gateways.base import GatewayRefund, GatewayRejected
from payments.models import Refund
from payments.reconciliation import books, comparison, cures, payment_list
from payments.reconciliation.desk import Day
from payments.reconciliation.windows import ONE_DAY
from payments.states import RefundState

# As long as the job that sends a refund goes on trying.
SENT_WITHIN = ONE_DAY


def compare_refunds(day: Day) -> None:
    """Both ways, as with payments."""
    seen: set[UUID] = set()
    for batch in books.batches(
        day.gateway.list_refunds_between(start=day.window.start, end=day.window.end)
    ):
        day.desk.tally.refunds += len(batch)
        seen.update(row.pk for row in books.refunds_by_reply(batch).values())
        compare_batch(day, batch)
    for row in books.refunds_unseen(day.window, seen):
        _look_up(day, row)


def compare_batch(day: Day, batch: Sequence[GatewayRefund]) -> None:
    ours = books.refunds_by_reply(batch)
    payments = books.payments_by_id(reply.payment_id for reply in batch if reply.id not in ours)
    for reply in batch:
        finding = comparison.compare_refund(ours.get(reply.id), reply)
        if finding is None:
            continue
        if not finding.is_behind:
            day.take(finding)
        elif reply.id in ours or reply.payment_id in payments or _bring_payment(day, reply):
            day.take(finding, cure=partial(cures.take_in, reply=reply, now=day.desk.now))
        else:
            day.note_foreign()


def _bring_payment(day: Day, reply: GatewayRefund) -> bool:
    """A refund of a payment that we never heard of: that one first. False if it is foreign."""
    try:
        payment = day.gateway.get_payment(reply.payment_id)
        payment_list.order_of(day, payment, books.order_ids([payment.order_id]))
    except payment_list.Foreign:
        return False
    except GatewayRejected:
        return True  # its refund cannot be taken in then, and staff will see it
    payment_list.compare_batch(day, [payment])
    return True


def _look_up(day: Day, row: Refund) -> None:
    """Asked for on one day and made on the next; or still to be sent; or lost."""
    reply = _find_reply(day, row)
    if reply is not None:
        compare_batch(day, [reply])
        return
    is_young = row.created_at > day.desk.now - SENT_WITHIN
    if row.state == RefundState.REQUESTED and is_young:
        return
    gateway_id = row.gateway_refund_id or row.idempotency_key
    day.take(comparison.missing_there(row, gateway_id=gateway_id))


def _find_reply(day: Day, row: Refund) -> GatewayRefund | None:
    try:
        made = day.gateway.list_refunds(row.payment.gateway_payment_id)
    except GatewayRejected:
        return None
    for reply in made:
        if reply.id == row.gateway_refund_id or reply.receipt == row.idempotency_key:
            return reply
    return None
