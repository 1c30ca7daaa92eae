"""Refunds that somebody made at the gateway, and the gateway's news of any refund."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.db.models import Sum

from alerts.models import Severity
from alerts.services import raise_alert
from ops.transactions import use_case
from payments import holds, locks
from payments.gateways import get_gateway
from payments.gateways.base import GatewayRefund, GatewayRejected
from payments.models import Payment, Refund
from payments.refunds.outcome import take_over
from payments.refunds.owing import RefundsOverlap, count, take_from_lines
from payments.states import RefundState

log = structlog.get_logger("notevault.refunds")

# (a refund's state here, what an event says of it)
CONTRADICTIONS = {(RefundState.PROCESSED, "failed"), (RefundState.FAILED, "processed")}


class PaymentNotKnownYet(Exception):
    """A refund of a payment that nobody has told us of; its news is on the way."""


class NewsContradicts(Exception):
    """An event says the opposite of what is decided here: true and late, or old."""


class NewsIsFirst(Exception):
    """An event tells of a refund that nobody here has heard of: it may have failed since."""


def take_in_news(*, reply: GatewayRefund, source: str, now: datetime) -> str:
    """Take in a refund as an event tells of it; returns the status that counted.

    Where the event contradicts a refund that is decided here, or is the first to tell of
    one, the gateway is asked, and what it says now counts. A first one that the gateway
    does not show is believed: it is signed, and better than nothing. Raises as
    `take_in_refund` does, and the gateway's errors.
    """
    try:
        take_in_refund(reply=reply, source=source, now=now, may_be_old=True)
    except NewsContradicts:
        present = _look_up(reply)
        if present is None:
            return "not known to the gateway"
    except NewsIsFirst:
        present = _look_up(reply) or reply
    else:
        return reply.status
    take_in_refund(reply=present, source=source, now=now)
    return present.status


def _look_up(heard: GatewayRefund) -> GatewayRefund | None:
    """The refund as the gateway shows it now; None when it shows no such refund."""
    try:
        listed = get_gateway().list_refunds(heard.payment_id)
    except GatewayRejected:
        listed = []
    found = next((refund for refund in listed if refund.id == heard.id), None)
    if found is None:
        log.warning("refund.unknown_to_the_gateway", gateway_refund_id=heard.id)
    return found


def take_in_refunds(*, gateway_payment_id: str, source: str, now: datetime) -> None:
    """Ask the gateway for all refunds of a payment and take in each."""
    for reply in get_gateway().list_refunds(gateway_payment_id):
        take_in_refund(reply=reply, source=source, now=now)


@use_case
def take_in_refund(
    *, reply: GatewayRefund, source: str, now: datetime, may_be_old: bool = False
) -> Refund | None:
    """Record a refund that the gateway tells of, whoever made it.

    One of ours goes on as its reply says. One made elsewhere gets a row and an alert, and
    once it is complete, the accesses of the lines that have gone back whole are revoked.
    None for one that failed before we heard of it. Raises PaymentNotKnownYet,
    RefundsOverlap when refunds of ours claim the same money, and NewsContradicts or
    NewsIsFirst for what `may_be_old`.
    """
    found = locks.lock_payment_with_order(gateway_payment_id=reply.payment_id)
    if found is None:
        raise PaymentNotKnownYet(reply.payment_id)
    order, payment = found
    refund = _find_refund(payment, reply)
    if refund is None:
        if reply.status == "failed":
            return None
        if may_be_old:
            raise NewsIsFirst(reply.id)
        refund = _record_foreign(payment, reply, source, now)
    if may_be_old and (refund.state, reply.status) in CONTRADICTIONS:
        raise NewsContradicts(reply.id)
    take_over(order, payment, refund, reply, now)
    return refund


def _find_refund(payment: Payment, reply: GatewayRefund) -> Refund | None:
    """The refund that the gateway speaks of, by its id there or by our key."""
    for refund in locks.lock_refunds(payment):
        if refund.gateway_refund_id == reply.id or refund.idempotency_key == reply.receipt:
            return refund
    return None


def _record_foreign(payment: Payment, reply: GatewayRefund, source: str, now: datetime) -> Refund:
    known = payment.refunds.exclude(state=RefundState.FAILED)
    with_row = known.aggregate(total=Sum("amount_paise"))["total"] or 0
    # What the payment said of refunds before any of them had a row is counted already.
    new = max(0, reply.amount_paise - (payment.given_back_paise - with_row))
    if payment.given_back_paise + new > payment.amount_paise:
        raise RefundsOverlap(reply.id)
    holds.fit(payment=payment, room_paise=new, now=now)
    count(payment, new)
    raise_alert(
        kind="payments.refund_made_elsewhere",
        severity=Severity.HIGH,
        message=(
            f"A refund of {reply.amount_paise} paise was made outside of NoteVault. It is in "
            "the books; the access stays unless a line has gone back whole."
        ),
        metadata={"gateway_refund_id": reply.id, "payment_id": reply.payment_id},
        dedupe_key=f"foreign-refund:{reply.id}",
        now=now,
    )
    refund = Refund.objects.create(
        payment=payment,
        amount_paise=reply.amount_paise,
        why=f"made at the gateway, told by {source}",
        gateway_refund_id=reply.id,
        created_at=now,
    )
    take_from_lines(payment, refund, None, now)
    return refund
