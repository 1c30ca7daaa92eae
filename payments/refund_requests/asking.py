"""Asking for a refund: a buyer for lines of an order, or staff for the buyer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from notes import access
from notevault.kit import crash
from ops import jobs
from ops.transactions import use_case
from payments import locks, mails
from payments.models import Order, RefundRequest, RefundRequestLine
from payments.refund_requests import rules
from payments.refund_requests.deciding import grant, refuse_own
from payments.refund_requests.quoting import by_item
from payments.refund_requests.sale import Line, NothingLeftToRefund, Sale
from payments.selectors import OrderNotFound
from payments.states import Decider, Reason, RequestState


def ask(
    *,
    order_id: UUID,
    buyer_id: UUID,
    wanted: Mapping[UUID, int | None],
    reason: Reason,
    comment: str,
    now: datetime,
) -> RefundRequest:
    """Ask for notes of one's own order: for an amount of each, or None for all of it.

    What a rule may decide is approved at once; for a broken file a job looks at it; the
    rest waits for staff. Raises OrderNotFound, NoteNotInOrder, RefundNotAllowed,
    RefundWindowClosed, RefundAlreadyAsked, NothingLeftToRefund, RefundAmountNotAllowed,
    PaymentDisputed.
    """
    request = _ask(order_id, buyer_id, wanted, reason, comment, now)
    if request.state == RequestState.APPROVED:
        crash.point("refund.approved")
    return request


@use_case
def _ask(
    order_id: UUID,
    buyer_id: UUID,
    wanted: Mapping[UUID, int | None],
    reason: Reason,
    comment: str,
    now: datetime,
) -> RefundRequest:
    if not Order.objects.filter(pk=order_id, buyer_id=buyer_id).exists():
        raise OrderNotFound
    sale = Sale(*locks.lock_sale(order_id))
    lines = sale.lines(by_item(sale, wanted), now=now, by_buyer=True)
    decider = rules.decider_of(
        lines=lines,
        unread=access.hold_unread(references=[line.item.pk for line in lines]),
        is_large=rules.needs_two(sale, _total(lines)),
        sale=sale,
        now=now,
    )
    # A part of a price is nothing that a broken file would decide.
    is_checked = (
        reason == Reason.FILE_BROKEN
        and decider == Decider.STAFF
        and all(line.is_whole for line in lines)
    )
    request = RefundRequest(
        reason=reason,
        comment=comment,
        asked_by_id=buyer_id,
        decider=Decider.AUTOMATIC if is_checked else decider,
        created_at=now,
    )
    _save(request, sale, lines, by_buyer=True)
    if is_checked:
        jobs.defer("payments.tasks.check_refunded_files", refund_request_id=str(request.pk))
    elif decider == Decider.AUTOMATIC:
        grant(sale, request, why="never downloaded, asked for within a day", now=now)
        return request
    mails.tell(kind=mails.MailKind.REFUND_ASKED, subject_id=request.pk)
    return request


@use_case
def ask_for_buyer(
    *,
    order_id: UUID,
    staff_id: UUID,
    wanted: Mapping[UUID, int],
    reason: Reason,
    comment: str,
    now: datetime,
    request_id: UUID,
) -> RefundRequest:
    """Staff ask for these amounts of these lines (by their ids), whenever and however often.

    That is one person's yes: up to ₹2,000 of an order it is approved with it, above that it
    waits for another's. A repeat with the same `request_id` gives the same request. Raises
    OwnRefund, NothingLeftToRefund, RefundAmountNotAllowed, PaymentDisputed.
    """
    sale = Sale(*locks.lock_sale(order_id))
    known = RefundRequest.objects.filter(pk=request_id, order_id=order_id).first()
    if known is not None:
        return known
    refuse_own(sale.order, staff_id)
    lines = sale.lines(wanted, now=now, by_buyer=False)
    is_large = rules.needs_two(sale, _total(lines))
    request = RefundRequest(
        id=request_id,
        reason=reason,
        comment=comment,
        asked_by_id=staff_id,
        decider=Decider.TWO_STAFF if is_large else Decider.STAFF,
        created_at=now,
    )
    _save(request, sale, lines, by_buyer=False)
    why = "asked for by staff"
    if is_large:
        request.move(RequestState.ENDORSED, why=why, now=now, actor_id=staff_id)
    else:
        grant(sale, request, why=why, now=now, actor_id=staff_id)
    return request


def _total(lines: Sequence[Line]) -> int:
    return sum(line.amount_paise for line in lines)


def _save(request: RefundRequest, sale: Sale, lines: Sequence[Line], *, by_buyer: bool) -> None:
    """The request and its lines; the first refusal of one of them is raised instead."""
    for line in lines:
        if line.refusal:
            raise line.refusal
    if not lines:
        raise NothingLeftToRefund
    request.order, request.buyer_id = sale.order, sale.order.buyer_id
    request.amount_paise = _total(lines)
    request.save(force_insert=True)
    RefundRequestLine.objects.bulk_create(
        RefundRequestLine(
            request=request, item=line.item, amount_paise=line.amount_paise, by_buyer=by_buyer
        )
        for line in lines
    )
