"""Deciding a request: approve, reject, and try again what failed; two people above ₹2,000."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notevault.kit import crash
from notevault.kit.errors import DomainError
from ops.transactions import use_case
from payments import locks, mails, refunds
from payments.models import Order, RefundRequest
from payments.refund_requests import rules
from payments.refund_requests.sale import NothingLeftToRefund, Sale
from payments.states import Decider, RequestState

PENDING = (RequestState.REQUESTED, RequestState.ENDORSED)
TO_REJECT = (*PENDING, RequestState.FAILED)


class RefundNotPending(DomainError):
    code = "refund_not_pending"
    message = "This request does not wait for that decision: somebody has decided it."


class SameApprover(DomainError):
    code = "same_approver"
    message = "A refund above ₹2,000 needs two people, and you are one of them already."


class OwnRefund(DomainError):
    code = "own_refund"
    message = "You cannot decide on a refund of your own purchase."


def approve_request(*, request_id: UUID, staff_id: UUID, now: datetime) -> RefundRequest:
    """One of the staff says yes: the money is owed from then on, and a job sends it.

    Above ₹2,000 of an order the first yes endorses the request only, and another's approves
    it. Raises RefundNotPending, SameApprover, OwnRefund, PaymentDisputed, LineExhausted,
    NothingLeftToRefund.
    """
    request = _approve(request_id, staff_id, now)
    if request.state == RequestState.APPROVED:
        crash.point("refund.approved")
    return request


@use_case
def _approve(request_id: UUID, staff_id: UUID, now: datetime) -> RefundRequest:
    order, payment, request = locks.lock_request(request_id)
    _refuse_unless(request, PENDING)
    refuse_own(order, staff_id)
    sale = Sale(order, payment)
    refunds.refuse_while_disputed(payment)
    is_first = request.state == RequestState.REQUESTED
    if is_first and rules.needs_two(sale, request.amount_paise, but_for=request.pk):
        _endorse(request, staff_id, now)
        return request
    if request.moves.filter(new=RequestState.ENDORSED, actor_id=staff_id).exists():
        raise SameApprover
    grant(sale, request, why="approved by staff", now=now, actor_id=staff_id)
    return request


def _endorse(request: RefundRequest, staff_id: UUID, now: datetime) -> None:
    request.move(
        RequestState.ENDORSED,
        why="endorsed: waits for another of the staff",
        now=now,
        actor_id=staff_id,
        decider=Decider.TWO_STAFF,
    )


@use_case
def reject_request(*, request_id: UUID, staff_id: UUID, why: str, now: datetime) -> RefundRequest:
    """The buyer gets nothing back, and is told why. Raises RefundNotPending."""
    _order, _payment, request = locks.lock_request(request_id)
    _refuse_unless(request, TO_REJECT)
    request.move(
        RequestState.REJECTED,
        why=why,
        now=now,
        actor_id=staff_id,
        decided_why=why[:500],
        decided_at=now,
    )
    mails.tell(kind=mails.MailKind.REFUND_REJECTED, subject_id=request.pk)
    return request


@use_case
def retry_request(*, request_id: UUID, staff_id: UUID, now: datetime) -> RefundRequest:
    """Owe again what was approved and failed, by a refund of its own.

    Raises RefundNotPending, OwnRefund, PaymentDisputed, LineExhausted, NothingLeftToRefund.
    """
    order, payment, request = locks.lock_request(request_id)
    _refuse_unless(request, (RequestState.FAILED,))
    refuse_own(order, staff_id)
    grant(Sale(order, payment), request, why="tried again by staff", now=now, actor_id=staff_id)
    return request


def grant(
    sale: Sale, request: RefundRequest, *, why: str, now: datetime, actor_id: UUID | None = None
) -> None:
    """Approve a locked request of a locked sale, and owe its money. A step.

    Raises RefundNotPending, PaymentDisputed, LineExhausted, NothingLeftToRefund; then its
    transaction must not be committed.
    """
    payment = sale.payment
    if payment is None:
        raise NothingLeftToRefund
    refunds.refuse_while_disputed(payment)
    taken = payment.given_back_paise + payment.disputed_paise
    if taken + request.amount_paise > payment.amount_paise:
        raise NothingLeftToRefund
    if not request.move(RequestState.APPROVED, why=why, now=now, actor_id=actor_id, decided_at=now):
        raise RefundNotPending
    refunds.give_back(
        payment=payment,
        amount_paise=request.amount_paise,
        why=f"asked for: {request.get_reason_display().lower()}",
        now=now,
        lines=dict(request.lines.values_list("item_id", "amount_paise")),
        request_id=request.pk,
    )
    mails.tell(kind=mails.MailKind.REFUND_APPROVED, subject_id=request.pk)


def refuse_own(order: Order, staff_id: UUID) -> None:
    """Raises OwnRefund: nobody decides on money of their own."""
    if order.buyer_id == staff_id:
        raise OwnRefund


def _refuse_unless(request: RefundRequest, states: tuple[RequestState, ...]) -> None:
    if request.state not in states:
        raise RefundNotPending
