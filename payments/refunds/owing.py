"""The intent: a refund that is owed, what its lines give for it, and the job that sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import F

from alerts.services import resolve_alert
from notes import access
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments import instruments, locks, reversals
from payments.ledger import journal
from payments.models import Order, Payment, Refund
from payments.states import LIVE_DISPUTE, PaymentState

log = structlog.get_logger("notevault.refunds")


class NothingToGiveBack(DomainError):
    code = "nothing_to_give_back"
    message = "Nothing of this payment waits to be given back."


class PaymentDisputed(DomainError):
    code = "payment_disputed"
    message = "The bank is looking into this payment. Until it decides, nothing can be refunded."


class RefundsOverlap(Exception):
    """Two refunds want the same money; the gateway decides which of them is made, and then
    there is room for the other's row."""


def give_back(
    *,
    payment: Payment,
    amount_paise: int,
    why: str,
    now: datetime,
    lines: Mapping[UUID, int] | None = None,
    request_id: UUID | None = None,
) -> Refund:
    """Owe the buyer a part of a captured payment; a job sends it.

    A step on a locked order and payment. `lines` says which lines give back how much; where
    nobody has said so, the money that bought nothing goes first, then all lines in
    proportion. The database refuses what would exceed the capture (I4). Raises
    LineExhausted.
    """
    count(payment, amount_paise)
    refund = Refund.objects.create(
        payment=payment,
        amount_paise=amount_paise,
        why=why,
        created_at=now,
        request_id=request_id,
    )
    take_from_lines(payment, refund, lines, now)
    instruments.count_refund("requested")
    jobs.defer("payments.tasks.send_refund", refund_id=str(refund.pk))
    return refund


def take_from_lines(
    payment: Payment, refund: Refund, lines: Mapping[UUID, int] | None, now: datetime
) -> None:
    """Reverse the lines' shares of a refund whose row is counted already. A step.

    Who gets a line's whole price back can download it no more from now on.
    """
    if lines is None:
        lines = lines_for(payment, refund)
    taken = reversals.reverse_lines(lines=lines, refund=refund, now=now)
    if taken:
        access.suspend_accesses(references=reversals.whole_refunds(taken), now=now)
    journal.record_refund_owed(refund=refund, payment=payment, reversals=taken, now=now)


def lines_for(payment: Payment, refund: Refund) -> dict[UUID, int]:
    """Lines for a refund that names none: those that it took from before, if it was undone.

    Raises RefundsOverlap for one that was asked for and whose lines have given their money
    for another: no other line pays for it.
    """
    before = dict(refund.reversals.values_list("item_id", "amount_paise"))
    lines = reversals.allocate(
        order=payment.order,
        payment=payment,
        amount_paise=refund.amount_paise,
        preferred=before,
        but_for=refund,
    )
    if refund.request_id and before and not lines.keys() <= before.keys():
        raise RefundsOverlap(refund.gateway_refund_id or str(refund.pk))
    return lines


@use_case
def give_back_rest(*, payment_id: UUID, actor_id: UUID, now: datetime) -> Refund:
    """Staff return what a payment bought nothing for and is not on its way back: all of one
    that settles no order, of another the lines that were not granted.

    Raises NothingToGiveBack, PaymentDisputed.
    """
    found = locks.lock_payment_with_order(pk=payment_id)
    if found is None:
        raise NothingToGiveBack
    order, payment = found
    rest = _rest(order, payment)
    if rest <= 0:
        raise NothingToGiveBack
    refuse_while_disputed(payment)
    log.info("refund.by_staff", payment_id=payment.gateway_payment_id, actor_id=str(actor_id))
    if payment.state == PaymentState.QUARANTINED:
        resolve_alert(dedupe_key=payment.quarantine_key, now=now, why="given back by staff")
    return give_back(
        payment=payment, amount_paise=rest, why="given back by staff", now=now, lines={}
    )


def refuse_while_disputed(payment: Payment) -> None:
    """Raises PaymentDisputed: what the bank may take must not be given back as well."""
    if payment.disputes.filter(state__in=LIVE_DISPUTE).exists():
        raise PaymentDisputed


def _rest(order: Order, payment: Payment) -> int:
    """The paise of a payment for which its buyer has nothing and gets nothing yet."""
    if payment.state not in (PaymentState.CAPTURED, PaymentState.QUARANTINED):
        return 0
    free = payment.amount_paise - payment.given_back_paise - payment.disputed_paise
    return min(free, reversals.unearned_left(order, payment))


def hear_of_refunds(gateway_payment_id: str) -> None:
    """Have a job ask for the refunds that somebody else made. A step.

    Their events may be lost, or wait for one of ours to give way.
    """
    jobs.defer(
        "payments.tasks.take_in_refunds",
        once_per=f"take-in-refunds:{gateway_payment_id}",
        gateway_payment_id=gateway_payment_id,
    )


def count(payment: Payment, amount_paise: int) -> None:
    """More, or less, of a locked payment is given back than before."""
    payment.given_back_paise += amount_paise
    Payment.objects.filter(pk=payment.pk).update(
        given_back_paise=F("given_back_paise") + amount_paise
    )
