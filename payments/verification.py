"""What the buyer's client brings back from the gateway's checkout."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import crash
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments.gateways import get_gateway
from payments.gateways.base import NO_ANSWER
from payments.gateways.signatures import checkout_is_authentic
from payments.locks import lock_order
from payments.models import Order, Payment
from payments.selectors import OrderNotFound
from payments.settlement import FINAL, settle_payment

# At the gateway: the bank has not answered, or the money is held and not taken.
UNDECIDED = ("created", "authorized")


class SignatureInvalid(DomainError):
    code = "signature_invalid"
    message = "The payment's signature does not match this order."


def verify_payment(
    *,
    buyer_id: UUID,
    gateway_order_id: str,
    gateway_payment_id: str,
    signature: str,
    now: datetime,
) -> UUID:
    """Settle a payment that the client reports; returns the order's id.

    May be called any number of times. When the gateway cannot be asked, the order waits
    and a job goes on asking: the payer is never told to pay again. Raises OrderNotFound
    for others' orders, SignatureInvalid, PaymentMismatch.
    """
    order = Order.objects.filter(gateway_order_id=gateway_order_id, buyer_id=buyer_id).first()
    if order is None or order.gateway_order_id is None:
        raise OrderNotFound
    authentic = checkout_is_authentic(
        gateway_order_id=order.gateway_order_id,
        gateway_payment_id=gateway_payment_id,
        signature=signature,
        key_secret=settings.RAZORPAY_KEY_SECRET,
    )
    if not authentic:
        _note_forgery(order_id=order.pk, now=now)
        raise SignatureInvalid
    if Payment.objects.filter(gateway_payment_id=gateway_payment_id, state__in=FINAL).exists():
        return order.pk
    try:
        payment = get_gateway().get_payment(gateway_payment_id)
    except NO_ANSWER:
        _wait_for_gateway(order=order, gateway_payment_id=gateway_payment_id, now=now)
        return order.pk
    crash.point("verify.payment_fetched")
    settle_payment(order_id=order.pk, payment=payment, source="verify", now=now)
    crash.point("settlement.committed")
    if payment.status in UNDECIDED:
        _ask_later(order_id=order.pk)
    return order.pk


@use_case
def _wait_for_gateway(*, order: Order, gateway_payment_id: str, now: datetime) -> None:
    """Remember that a payment exists, so that `next_action` is to wait, and ask later."""
    lock_order(order.pk)
    Payment.objects.get_or_create(
        gateway_payment_id=gateway_payment_id,
        defaults={
            "order": order,
            "amount_paise": order.total_paise,
            "currency": order.currency,
            "created_at": now,
        },
    )
    _ask_later(order_id=order.pk)


def _ask_later(*, order_id: UUID) -> None:
    key = f"check-order:{order_id}"
    jobs.defer("payments.tasks.check_order", once_per=key, order_id=str(order_id))


@use_case
def _note_forgery(*, order_id: UUID, now: datetime) -> None:
    raise_alert(
        kind="payments.forged_verification",
        severity=Severity.WARNING,
        message="A payment verification with a wrong signature was refused.",
        metadata={"order_id": str(order_id)},
        dedupe_key=f"forged-verification:{order_id}",
        now=now,
    )
