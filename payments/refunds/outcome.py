"""What became of a refund: complete, under way, or failed, and what follows from it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Sum

from alerts.models import Severity
from alerts.services import raise_alert, resolve_alert
from notes import access
from notevault.kit import crash
from ops import jobs
from ops.transactions import use_case
from payments import fulfilment, holds, instruments, locks, mails, reversals
from payments.gateways.base import GatewayRefund
from payments.ledger import journal
from payments.models import Order, Payment, Refund
from payments.refunds.owing import (
    RefundsOverlap,
    count,
    give_back,
    hear_of_refunds,
    take_from_lines,
)
from payments.states import PaymentState, RefundState, RequestState


@use_case
def record_reply(*, refund_id: UUID, reply: GatewayRefund, now: datetime) -> None:
    """Take over what the gateway says of a refund of ours; old news changes nothing."""
    order, payment, refund = locks.lock_refund(refund_id)
    take_over(order, payment, refund, reply, now)
    crash.point("refund.before_result_commit")


def take_over(
    order: Order, payment: Payment, refund: Refund, reply: GatewayRefund, now: datetime
) -> None:
    """A step. Raises RefundsOverlap."""
    match reply.status:
        case "processed":
            _complete(order, payment, refund, reply.id, now)
        case "pending" if refund.can_move(RefundState.PENDING):
            refund.move(RefundState.PENDING, why="accepted", now=now, gateway_refund_id=reply.id)
        case "failed":
            _fail(order, payment, refund, "failed at the gateway", now)


@use_case
def fail_refund(*, refund_id: UUID, why: str, now: datetime) -> None:
    """The gateway refuses it for good, or a bank has returned it: its lines keep their money
    and their accesses, and staff are told."""
    order, payment, refund = locks.lock_refund(refund_id)
    _fail(order, payment, refund, why, now)


@use_case
def replace_refund(*, refund_id: UUID, left_paise: int, why: str, now: datetime) -> None:
    """Owe what is left of a payment in the place of a refund that asks for more."""
    order, payment, refund = locks.lock_refund(refund_id)
    if not _move_to_failed(payment, refund, why, now):
        return
    if left_paise:
        give_back(
            payment=payment,
            amount_paise=left_paise,
            why=refund.why,
            now=now,
            lines=reversals.allocate(
                order=order,
                payment=payment,
                amount_paise=left_paise,
                preferred=dict(refund.reversals.values_list("item_id", "amount_paise")),
            ),
            request_id=refund.request_id,
        )
    else:
        _tell_request(refund, RequestState.FAILED, why, now)
    _let_disputes_follow(order, payment, why, now)
    hear_of_refunds(payment.gateway_payment_id)


def _complete(
    order: Order, payment: Payment, refund: Refund, gateway_refund_id: str, now: datetime
) -> None:
    if not refund.can_move(RefundState.PROCESSED):
        return
    journal.lock_accounts_of(payment)
    _owe_again(payment, refund, now)
    refund.move(
        RefundState.PROCESSED,
        why="processed by the gateway",
        now=now,
        processed_at=now,
        gateway_refund_id=gateway_refund_id,
    )
    instruments.count_refund("processed")
    resolve_alert(dedupe_key=refund.failure_key, now=now, why="the money has gone back")
    done = payment.refunds.filter(state=RefundState.PROCESSED)
    refunded = done.aggregate(total=Sum("amount_paise"))["total"]
    if refunded == payment.amount_paise and payment.can_move(PaymentState.REFUNDED):
        payment.move(PaymentState.REFUNDED, why="refunded in full", now=now)
    fulfilment.follow_returns(order=order, payment=payment, why=refund.why, now=now)
    _tell_request(refund, RequestState.COMPLETED, "the money has gone back", now)
    mails.tell(kind=mails.MailKind.REFUND_COMPLETED, subject_id=refund.pk)
    # The money came in before, also if we never heard of it.
    journal.record_unearned(payment=payment, why="learnt of by its refund", now=now)
    journal.record_refund_processed(refund=refund, payment=payment, now=now)
    credit(refund)


def credit(refund: Refund) -> None:
    """Have a job write the buyer's note of a refund, if it has been made. A step."""
    if refund.state == RefundState.PROCESSED:
        jobs.defer("payments.tasks.issue_credit_note", refund_id=str(refund.pk))


def take_from_sale(*, order: Order, payment: Payment, now: datetime) -> None:
    """Refunds that were heard of before their payment was: its lines give for them now.

    A step on a locked order that the payment has just settled.
    """
    for refund in payment.refunds.exclude(state=RefundState.FAILED):
        if not refund.reversals.filter(undone_at=None).exists():
            take_from_lines(payment, refund, None, now)
            credit(refund)
    fulfilment.follow_returns(order=order, payment=payment, why="refunded before", now=now)


def _owe_again(payment: Payment, refund: Refund, now: datetime) -> None:
    """A refund that was taken for failed goes through after all.

    Raises RefundsOverlap while another one has been owed in its place.
    """
    if refund.state != RefundState.FAILED:
        return
    _withdraw_substitutes(payment, refund, now)
    if payment.given_back_paise + refund.amount_paise > payment.amount_paise:
        raise RefundsOverlap(refund.gateway_refund_id or str(refund.pk))
    holds.fit(payment=payment, room_paise=refund.amount_paise, now=now)
    count(payment, refund.amount_paise)
    take_from_lines(payment, refund, None, now)


def _withdraw_substitutes(payment: Payment, refund: Refund, now: datetime) -> None:
    """What staff owed anew for the same request, and was not sent yet, is owed no more."""
    if refund.request_id is None:
        return
    others = payment.refunds.filter(request_id=refund.request_id, state=RefundState.REQUESTED)
    for other in others.exclude(pk=refund.pk):
        _move_to_failed(payment, other, "the refund before it went through after all", now)


def _fail(order: Order, payment: Payment, refund: Refund, why: str, now: datetime) -> None:
    was_processed = refund.state == RefundState.PROCESSED
    if not _move_to_failed(payment, refund, why, now):
        return
    if was_processed:
        _unrefund(payment, why, now)
    _let_disputes_follow(order, payment, why, now)
    _tell_request(refund, RequestState.FAILED, why, now)
    mails.tell(kind=mails.MailKind.REFUND_FAILED, subject_id=refund.pk)
    raise_alert(
        kind="payments.refund_failed",
        severity=Severity.CRITICAL,
        message=f"A refund of {refund.amount_paise} paise was refused: {why}",
        metadata={"refund_id": str(refund.pk), "payment_id": payment.gateway_payment_id},
        dedupe_key=refund.failure_key,
        now=now,
    )


def _move_to_failed(payment: Payment, refund: Refund, why: str, now: datetime) -> bool:
    if not refund.can_move(RefundState.FAILED):
        return False
    journal.lock_accounts_of(payment)
    if refund.state == RefundState.PROCESSED:
        journal.record_refund_returned(refund=refund, payment=payment, now=now)
        jobs.defer("payments.tasks.issue_debit_note", refund_id=str(refund.pk))
    refund.move(RefundState.FAILED, why=why, now=now)
    instruments.count_refund("failed")
    count(payment, -refund.amount_paise)
    undone = reversals.undo(refund.reversals.all(), now=now)
    if undone:
        access.resume_accesses(references=[row.item_id for row in undone])
    journal.record_refund_undone(refund=refund, payment=payment, reversals=undone, now=now)
    return True


def _let_disputes_follow(order: Order, payment: Payment, why: str, now: datetime) -> None:
    """What a refund no longer claims is a dispute's again."""
    holds.fit(payment=payment, now=now)
    fulfilment.follow_returns(order=order, payment=payment, why=why, now=now)


def _unrefund(payment: Payment, why: str, now: datetime) -> None:
    """A payment that was refunded in full is again what it was before.

    One that we heard of only when it had come and gone has bought nothing: its money is
    here again, and staff decide what it is for.
    """
    if payment.state != PaymentState.REFUNDED:
        return
    into = payment.moves.filter(new=PaymentState.REFUNDED).order_by("-at", "-id")
    before = into.values_list("old", flat=True).first()
    is_captured = before == PaymentState.CAPTURED
    to = PaymentState.CAPTURED if is_captured else PaymentState.QUARANTINED
    payment.move(to, why=why, now=now)


def _tell_request(refund: Refund, to: RequestState, why: str, now: datetime) -> None:
    request = refund.request
    if request is not None and request.state != to and request.can_move(to):
        request.move(to, why=why, now=now)
