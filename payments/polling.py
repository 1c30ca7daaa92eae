"""Asking the gateway what nobody has told us: the side of settlement that needs no webhook.

An order is asked for from a minute after its checkout until seven days after its end, with
pauses that grow with its age: a bank may say yes days later, and a webhook may never come.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings

from notevault.kit import crash
from payments.gateways import get_gateway
from payments.gateways.base import NO_ANSWER, GatewayPayment, GatewayRejected
from payments.models import Order, Payment
from payments.settlement import difference, settle_payment
from payments.states import OPEN_ORDER, PaymentState

ASK_UNTIL = timedelta(days=7)

log = structlog.get_logger("notevault.polling")


def next_ask(order: Order, *, now: datetime) -> datetime | None:
    """When to ask for this order again; None when it is too old for news."""
    age = now - order.created_at
    at = now + max(timedelta(seconds=settings.SWEEP_AFTER_S), age / 2)
    return at if at <= order.expires_at + ASK_UNTIL else None


def ask_for_order(*, order_id: UUID, now: datetime) -> bool:
    """`check_order`, with the next time to ask written down first: a row that fails again
    and again keeps none of the others waiting. A silent gateway is asked again soon."""
    order = Order.objects.get(pk=order_id)
    Order.objects.filter(pk=order_id).update(ask_at=next_ask(order, now=now))
    try:
        return check_order(order_id=order_id, now=now)
    except NO_ANSWER:
        Order.objects.filter(pk=order_id).update(ask_at=now)
        raise


def capture_held(*, order_id: UUID, now: datetime) -> bool:
    """Ask for an order whose money was only held a moment ago; False while it still is."""
    held = Payment.objects.filter(order_id=order_id, state=PaymentState.AUTHORIZED)
    return not held.exists() or check_order(order_id=order_id, now=now)


def check_order(*, order_id: UUID, now: datetime) -> bool:
    """Ask the gateway for an order's payments, settle each, and take what is only held.

    False while the order is open and one of them is neither captured nor failed: ask again.
    """
    order = Order.objects.get(pk=order_id)
    if order.gateway_order_id is None:
        return True
    payments = get_gateway().list_order_payments(order.gateway_order_id)
    for payment in payments:
        settle_payment(order_id=order_id, payment=payment, source="gateway poll", now=now)
    held = [payment for payment in payments if _is_ours_to_take(order, payment)]
    captured = [_capture(order_id, payment, now) for payment in held]
    # An attempt that its payer gave up stays `created` for ever; a closed order does not wait.
    is_open = Order.objects.filter(pk=order_id, state__in=OPEN_ORDER).exists()
    is_begun = any(payment.status == "created" for payment in payments)
    return all(captured) and not (is_open and is_begun)


def _is_ours_to_take(order: Order, payment: GatewayPayment) -> bool:
    """Held money that the order did not ask for is left to its bank."""
    if payment.status != "authorized":
        return False
    differs = difference(order, payment)
    if differs:
        log.error("capture.left_alone", payment_id=payment.id, reason=differs)
    return not differs


def _capture(order_id: UUID, payment: GatewayPayment, now: datetime) -> bool:
    """Take authorised money and settle it; False while it is still only held.

    Not the money for an order that is paid already: the gateway returns that by itself.
    """
    if Payment.objects.filter(order_id=order_id, settles=True).exists():
        return True
    gateway = get_gateway()
    try:
        taken = gateway.capture_payment(payment.id, amount_paise=payment.amount_paise)
    except GatewayRejected as refusal:
        log.warning("capture.refused", payment_id=payment.id, reason=str(refusal))
        taken = gateway.get_payment(payment.id)
    crash.point("capture.gateway_captured")
    settle_payment(order_id=order_id, payment=taken, source="our own capture", now=now)
    return taken.status != "authorized"
