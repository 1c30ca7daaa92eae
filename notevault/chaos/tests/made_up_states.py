"""Both sides' books of one order, as they should be, for tests that spoil them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from notevault.chaos.banks import Transfer
from notevault.chaos.state import (
    GatewayEvent,
    OurAccess,
    OurCoupon,
    OurDispute,
    OurEvent,
    OurInvoice,
    OurLine,
    OurOrder,
    OurPayment,
    OurPayout,
    OurRefund,
    OurRequest,
    OurReversal,
    OurSeller,
    OurUse,
    Promises,
    State,
)
from payments.gateways.base import GatewayDispute, GatewayOrder, GatewayPayment, GatewayRefund

ORDER, LINE, OTHER_LINE, BUYER, NOTE, OTHER_NOTE = (UUID(int=number) for number in range(1, 7))
RECEIPT = f"nv_{ORDER.hex}"
KEY = "b" * 32
# Before and after the refund of that key was owed.
HEARD_AT, HEARD_LATER = "a" * 32, "c" * 32
REQUEST, SELLER, STAFF, COLLEAGUE = (UUID(int=number) for number in range(20, 24))
CODE, UTR = "NV0123456789AB", "426512345678"


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
        invoices=[OurInvoice("NV", 1, ORDER, "invoice")],
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
        reversals=[
            OurReversal(LINE, 200, refund_key=KEY),
            OurReversal(OTHER_LINE, 100, refund_key=KEY),
        ],
        accesses=[],
    )


def gateway_dispute(**changes: Any) -> GatewayDispute:
    dispute = GatewayDispute(
        id="disp_1",
        payment_id="pay_1",
        amount_paise=300,
        deducted_paise=300,
        currency="INR",
        status="lost",
        phase="chargeback",
        reason_code="",
        respond_by=None,
        created_at=datetime(2026, 11, 23, tzinfo=UTC),
    )
    return replace(dispute, **changes)


def our_dispute(**changes: Any) -> OurDispute:
    return replace(OurDispute("disp_1", HEARD_AT, "pay_1", "lost", 300), **changes)


def lost_state() -> State:
    """The sale, all of which a dispute has taken."""
    sold = sold_state()
    return replace(
        sold,
        gateway_disputes=[gateway_dispute()],
        disputes=[our_dispute()],
        orders=[replace(sold.orders[0], state="refunded")],
        reversals=[
            OurReversal(LINE, 200, dispute_id="disp_1"),
            OurReversal(OTHER_LINE, 100, dispute_id="disp_1"),
        ],
        accesses=[],
    )


def request(**changes: Any) -> OurRequest:
    done = OurRequest(REQUEST, ORDER, "completed", 100, "staff", frozenset({STAFF}))
    return replace(done, **changes)


def requested_state() -> State:
    """The sale, of which the second line was asked back, and has gone back."""
    sold = sold_state()
    return replace(
        sold,
        gateway_refunds=[made_refund(amount_paise=100)],
        orders=[replace(sold.orders[0], state="partially_refunded")],
        refunds=[our_refund(amount_paise=100, request_id=REQUEST)],
        reversals=[OurReversal(OTHER_LINE, 100, refund_key=KEY)],
        requests=[request()],
        accesses=sold.accesses[:1],
    )


def payout(**changes: Any) -> OurPayout:
    paid = OurPayout(UUID(int=8), CODE, SELLER, "paid", 10_000, UTR, balance_paise=0)
    return replace(paid, **changes)


def paid_out_state() -> State:
    """A seller who took out all that was earned, by a second attempt at the bank."""
    return State(
        payouts=[payout()],
        sellers=[OurSeller(SELLER, released_paise=10_000, in_transit_paise=0)],
        transfers=[Transfer(f"{CODE}01", 10_000, ""), Transfer(f"{CODE}02", 10_000, UTR)],
    )


def coupon_state() -> State:
    """The sale, with the last use of a coupon."""
    return replace(
        sold_state(), coupons=[OurCoupon("STORM-10", 5, 5)], uses=[OurUse(ORDER, "spent")]
    )
