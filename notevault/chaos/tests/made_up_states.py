"""Both sides' books of one order, as they should be, for tests that spoil them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from notevault.chaos.state import (
    GatewayEvent,
    OurAccess,
    OurEvent,
    OurLine,
    OurOrder,
    OurPayment,
    OurRefund,
    Promises,
    State,
)
from payments.gateways.base import GatewayOrder, GatewayPayment, GatewayRefund

ORDER, LINE, OTHER_LINE, BUYER, NOTE, OTHER_NOTE = (UUID(int=number) for number in range(1, 7))
RECEIPT = f"nv_{ORDER.hex}"
KEY = "a" * 32


def captured(payment_id: str = "pay_1", **changes: Any) -> GatewayPayment:
    payment = GatewayPayment(
        id=payment_id,
        order_id="order_1",
        amount_paise=300,
        currency="INR",
        status="captured",
        is_captured=True,
        method="upi",
        fee_paise=None,
        tax_paise=None,
        refunded_paise=0,
        error_code="",
        error_description="",
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    return replace(payment, **changes)


def made_refund(refund_id: str = "rfnd_1", **changes: Any) -> GatewayRefund:
    refund = GatewayRefund(refund_id, "pay_1", 300, "INR", "processed", KEY)
    return replace(refund, **changes)


def our_refund(**changes: Any) -> OurRefund:
    return replace(OurRefund(KEY, "pay_1", "processed", 300, "a reason", "rfnd_1"), **changes)


def sold_state() -> State:
    """One order of two notes, paid, granted, and told of by one event."""
    return State(
        gateway_orders=[GatewayOrder("order_1", RECEIPT, 300, 300, "INR", "paid")],
        gateway_payments=[captured()],
        gateway_events=[GatewayEvent("evt_1", "payment.captured", True)],
        orders=[OurOrder(ORDER, "paid", 300, "INR", "order_1")],
        lines=[OurLine(LINE, ORDER, 200), OurLine(OTHER_LINE, ORDER, 100)],
        payments=[OurPayment("pay_1", ORDER, "captured", settles=True)],
        accesses=[OurAccess(BUYER, NOTE, LINE), OurAccess(BUYER, OTHER_NOTE, OTHER_LINE)],
        events=[OurEvent("e1", "evt_1", "payment.captured", "handled")],
        promises=Promises(frozenset({str(ORDER)}), frozenset({str(ORDER)})),
    )


def returned_state() -> State:
    """The same order, refunded in full."""
    sold = sold_state()
    return replace(
        sold,
        gateway_refunds=[made_refund()],
        orders=[replace(sold.orders[0], state="refunded")],
        payments=[replace(sold.payments[0], state="refunded")],
        refunds=[our_refund()],
        accesses=[],
    )
