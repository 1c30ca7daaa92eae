"""Healing what is certain: the gateway's news goes through the door it would have come by."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from payments import disputes
from payments.checkout import open_for_payment
from payments.gateways.base import GatewayDispute, GatewayPayment, GatewayRefund
from payments.models import Payment
from payments.provenance import OrderNotKnownYet
from payments.refunds import PaymentNotKnownYet, RefundsOverlap, take_in_refund
from payments.settlement import PaymentMismatch, settle_payment
from payments.states import TAKEN, DisputeState

SOURCE = "reconciliation"


class NotCured(Exception):
    """What is certain could not be done; its message says why, for staff."""


def settle(*, payment: GatewayPayment, order_id: UUID, now: datetime) -> str:
    """Turn a captured payment that nobody told us of into accesses or a refund.

    Its order learns the gateway's order first, if that was lost too. Returns what was
    done; raises NotCured.
    """
    open_for_payment(order_id=order_id, gateway_order_id=payment.order_id, now=now)
    try:
        order = settle_payment(order_id=order_id, payment=payment, source=SOURCE, now=now)
    except (PaymentMismatch, IntegrityError) as refusal:
        raise NotCured(str(refusal)) from refusal
    state = Payment.objects.values_list("state", flat=True).get(gateway_payment_id=payment.id)
    if state not in TAKEN:
        raise NotCured(f"the payment is still {state} here")
    return f"settled: the payment is {state}, the order {order.state}"


def take_in(*, reply: GatewayRefund, now: datetime) -> str:
    """Record a refund as the gateway has it. Returns what was done; raises NotCured."""
    try:
        refund = take_in_refund(reply=reply, source=SOURCE, now=now)
    except (PaymentNotKnownYet, RefundsOverlap, IntegrityError) as refusal:
        raise NotCured(f"{type(refusal).__name__}: {refusal}") from refusal
    if refund is None or refund.state != reply.status:
        raise NotCured(f"the refund cannot become {reply.status}")
    return f"taken in: the refund is {refund.state}"


def lose_dispute(*, heard: GatewayDispute, now: datetime) -> str:
    """Record a dispute that is lost as the gateway has it. Returns what was done; raises
    NotCured, also when it is not lost over there."""
    try:
        dispute = disputes.look_at(heard=heard, source=SOURCE, now=now)
    except (PaymentNotKnownYet, OrderNotKnownYet, PaymentMismatch, IntegrityError) as refusal:
        raise NotCured(f"{type(refusal).__name__}: {refusal}") from refusal
    if dispute is None or dispute.state != DisputeState.LOST:
        raise NotCured(f"the gateway says that the dispute is {heard.status}")
    return "taken in: the dispute is lost"
