"""Every row lock of the money code. Order: order → payment → refund."""

from __future__ import annotations

from uuid import UUID

from payments.models import Order, Payment, Refund


def lock_order(order_id: UUID) -> Order:
    return Order.objects.select_for_update().get(pk=order_id)


def lock_payment(gateway_payment_id: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(gateway_payment_id=gateway_payment_id).first()


def lock_payment_with_order(gateway_payment_id: str) -> tuple[Order, Payment] | None:
    """A payment and its order, in lock order; None for a payment that is not known."""
    found = Payment.objects.filter(gateway_payment_id=gateway_payment_id)
    order_id = found.values_list("order_id", flat=True).first()
    if order_id is None:
        return None
    return lock_order(order_id), found.select_for_update().get()


def lock_refund(refund_id: UUID) -> tuple[Order, Payment, Refund]:
    """The refund and all that its completion touches, in lock order."""
    ids = Refund.objects.values_list("payment__order_id", "payment_id").get(pk=refund_id)
    order = lock_order(ids[0])
    payment = Payment.objects.select_for_update().get(pk=ids[1])
    return order, payment, Refund.objects.select_for_update().get(pk=refund_id)
