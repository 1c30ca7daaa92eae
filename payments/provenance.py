"""Whose a payment is that we have not heard of: an order of ours, or another product's."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from payments import checkout, selectors
from payments.gateways import get_gateway
from payments.gateways.base import GatewayPayment, GatewayRejected
from payments.settlement import settle_payment


class OrderNotKnownYet(Exception):
    """The news came before our own commit; it is tried again."""


def find_order(payment: GatewayPayment, *, now: datetime) -> UUID | None:
    """The payment's order, linked by its receipt if our own commit of its id was lost.

    None when it was made without an order, or for one whose receipt is not ours. Raises
    OrderNotKnownYet.
    """
    if not payment.order_id:
        return None  # a payment link or another product of the same account
    order_id = selectors.order_id_of_gateway_order(payment.order_id)
    if order_id is not None:
        return order_id
    try:
        order_id = selectors.order_id_of_receipt(get_gateway().get_order(payment.order_id).receipt)
    except (GatewayRejected, selectors.OrderNotFound) as error:
        raise OrderNotKnownYet(payment.order_id) from error
    if order_id is not None:
        checkout.open_for_payment(order_id=order_id, gateway_order_id=payment.order_id, now=now)
    return order_id


def bring_payment(gateway_payment_id: str, *, source: str, now: datetime) -> bool:
    """Ask for a payment and settle its order with it; False for another product's.

    Raises OrderNotKnownYet and the gateway's errors.
    """
    payment = get_gateway().get_payment(gateway_payment_id)
    order_id = find_order(payment, now=now)
    if order_id is None:
        return False
    settle_payment(order_id=order_id, payment=payment, source=source, now=now)
    return True
