"""Money on its way back: intent, gateway call with a stable key, completion."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import F, Sum

from alerts.models import Severity
from alerts.services import raise_alert
from ops import jobs
from ops.transactions import use_case
from payments import locks
from payments.gateways import get_gateway
from payments.gateways.base import GatewayDeclined, GatewayRefund, GatewayRejected
from payments.models import Order, Payment, Refund
from payments.states import OrderState, PaymentState, RefundState

log = structlog.get_logger("notevault.refunds")


def give_back(*, payment: Payment, amount_paise: int, why: str, now: datetime) -> Refund:
    """Owe the buyer a part of a captured payment; a job sends it.

    A step. The database refuses what would exceed the capture (I4).
    """
    Payment.objects.filter(pk=payment.pk).update(
        given_back_paise=F("given_back_paise") + amount_paise
    )
    refund = Refund.objects.create(
        payment=payment, amount_paise=amount_paise, why=why, created_at=now
    )
    jobs.defer("payments.tasks.send_refund", refund_id=str(refund.pk))
    return refund


def send_refund(*, refund_id: UUID, now: datetime) -> None:
    """Ask the gateway for a refund that is owed. Safe to repeat: the key is the refund's.

    GatewayUnavailable and GatewayOutcomeUnknown leave it owed, for the job's next try. A
    refusal marks it as failed and alerts the staff, but only once the gateway's own list
    shows that an earlier try was not made after all.
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state in (RefundState.PROCESSED, RefundState.FAILED):
        return
    gateway, payment_id = get_gateway(), refund.payment.gateway_payment_id
    try:
        reply = gateway.refund_payment(
            payment_id, amount_paise=refund.amount_paise, idempotency_key=refund.idempotency_key
        )
    except (GatewayRejected, GatewayDeclined) as refusal:
        made = [r for r in gateway.list_refunds(payment_id) if r.receipt == refund.idempotency_key]
        if not made:
            fail_refund(refund_id=refund_id, why=str(refusal) or "refused by the gateway", now=now)
            return
        reply = made[0]
    record_reply(refund_id=refund_id, reply=reply, now=now)


@use_case
def record_reply(*, refund_id: UUID, reply: GatewayRefund, now: datetime) -> None:
    """Take over what the gateway says of a refund of ours; old news changes nothing."""
    order, payment, refund = locks.lock_refund(refund_id)
    match reply.status:
        case "processed":
            _complete(order, payment, refund, reply.id, now)
        case "pending" if refund.can_move(RefundState.PENDING):
            _owe_again(payment, refund)
            refund.move(RefundState.PENDING, why="accepted", now=now, gateway_refund_id=reply.id)
        case "failed":
            _fail(payment, refund, "failed at the gateway", now)


@use_case
def fail_refund(*, refund_id: UUID, why: str, now: datetime) -> None:
    _order, payment, refund = locks.lock_refund(refund_id)
    _fail(payment, refund, why, now)


def find_refund(reply: GatewayRefund) -> Refund | None:
    """Our refund that the gateway speaks of, or None for one made in its dashboard."""
    known = Refund.objects.filter(gateway_refund_id=reply.id).first()
    if known is None and reply.receipt:
        owed = Refund.objects.filter(payment__gateway_payment_id=reply.payment_id)
        known = next((row for row in owed if row.idempotency_key == reply.receipt), None)
    return known


def _complete(
    order: Order, payment: Payment, refund: Refund, gateway_refund_id: str, now: datetime
) -> None:
    if not refund.can_move(RefundState.PROCESSED):
        return
    _owe_again(payment, refund)
    refund.move(
        RefundState.PROCESSED,
        why="processed by the gateway",
        now=now,
        processed_at=now,
        gateway_refund_id=gateway_refund_id,
    )
    done = payment.refunds.filter(state=RefundState.PROCESSED)
    refunded = done.aggregate(total=Sum("amount_paise"))["total"]
    is_whole = refunded == payment.amount_paise
    if is_whole and payment.can_move(PaymentState.REFUNDED):
        payment.move(PaymentState.REFUNDED, why="refunded in full", now=now)
    if payment.settles:
        to = OrderState.REFUNDED if is_whole else OrderState.PARTIALLY_REFUNDED
        if order.state != to and order.can_move(to):
            order.move(to, why=refund.why, now=now)


def _owe_again(payment: Payment, refund: Refund) -> None:
    """A refund that was taken for failed goes through after all."""
    if refund.state == RefundState.FAILED:
        Payment.objects.filter(pk=payment.pk).update(
            given_back_paise=F("given_back_paise") + refund.amount_paise
        )


def _fail(payment: Payment, refund: Refund, why: str, now: datetime) -> None:
    if not refund.can_move(RefundState.FAILED):
        return
    refund.move(RefundState.FAILED, why=why, now=now)
    Payment.objects.filter(pk=payment.pk).update(
        given_back_paise=F("given_back_paise") - refund.amount_paise
    )
    raise_alert(
        kind="payments.refund_failed",
        severity=Severity.CRITICAL,
        message=f"A refund of {refund.amount_paise} paise was refused: {why}",
        metadata={"refund_id": str(refund.pk), "payment_id": payment.gateway_payment_id},
        dedupe_key=f"refund-failed:{refund.pk}",
        now=now,
    )
