"""Real bodies for the API's documentation."""

from notevault.kit.openapi import request_example, response_example
from payments.examples.invoices import BILLING, INVOICE

_NOTE_ID = "0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f"
_LINE = {
    "note_id": _NOTE_ID,
    "title": "Operating Systems: scheduling and deadlocks",
    "price_paise": 9900,
    "bulk_discount_paise": 0,
    "coupon_discount_paise": 0,
    "discount_paise": 0,
    "paid_paise": 9900,
}
_PRICES = {
    "subtotal_paise": 9900,
    "coupon_code": None,
    "bulk_discount_paise": 0,
    "coupon_discount_paise": 0,
    "discount_paise": 0,
    "total_paise": 9900,
    "currency": "INR",
}
_BY_COUPON = {"coupon_discount_paise": 990, "discount_paise": 990}
_ORDER = {
    "id": "0198f0c3-1f00-7aa1-b2c3-d4e5f6a7b8c9",
    "state": "awaiting_payment",
    "next_action": "pay",
    **_PRICES,
    "gateway_order_id": "order_IluGWxBm9U8zJ8",
    "created_at": "2026-11-23T13:29:41.120000Z",
    "expires_at": "2026-11-23T13:59:41.120000Z",
    "paid_at": None,
    "items": [{**_LINE, "outcome": "pending"}],
    "billing": BILLING,
    "invoice": None,
    "checkout": {
        "key_id": "rzp_live_example",
        "gateway_order_id": "order_IluGWxBm9U8zJ8",
        "amount_paise": 9900,
        "currency": "INR",
        "url": "",
    },
}
_PAID = {
    **_ORDER,
    "state": "paid",
    "next_action": "download",
    "paid_at": "2026-11-23T13:30:04.870000Z",
    "items": [{**_LINE, "outcome": "granted"}],
    "invoice": INVOICE,
    "checkout": None,
}
_OVER = {**_ORDER, "state": "cancelled", "next_action": None, "checkout": None}

CART = request_example("One note", {"note_ids": [_NOTE_ID]})
ORDER_CART = request_example("One note", {"note_ids": [_NOTE_ID], "billing": BILLING})
ORDER = response_example("To pay", _ORDER, 200, 201)
PAID_ORDER = response_example("Paid", _PAID)
CANCELLED_ORDER = response_example("Cancelled", _OVER)
ORDER_LIST = response_example("A page", {"items": [_PAID], "next_cursor": None})
TIMELINE = response_example(
    "A refund on its way",
    {
        "money": {
            "received_paise": 9900,
            "held_by_bank_paise": 0,
            "on_its_way_back_paise": 9900,
            "given_back_paise": 0,
            "disputed_paise": 0,
        },
        "entries": [
            {
                "at": "2026-11-23T13:29:41.120000Z",
                "what": "ordered",
                "sentence": "You ordered 1 note for ₹99.00.",
                "amount_paise": 9900,
            },
            {
                "at": "2026-11-23T13:30:04.870000Z",
                "what": "payment_received",
                "sentence": "We received ₹99.00.",
                "amount_paise": 9900,
            },
            {
                "at": "2026-11-23T13:30:04.870000Z",
                "what": "order_paid",
                "sentence": "Your note is in your library.",
                "amount_paise": None,
            },
            {
                "at": "2026-11-23T15:12:30.010000Z",
                "what": "refund_started",
                "sentence": "₹99.00 is on its way back to you.",
                "amount_paise": 9900,
            },
        ],
        "downloads": 0,
    },
)
PREVIEW = response_example("The price", {**_PRICES, "items": [_LINE]})
CART_WITH_COUPON = request_example(
    "One note, cheaper", {"note_ids": [_NOTE_ID], "coupon_code": "DIWALI-10"}
)
PREVIEW_WITH_COUPON = response_example(
    "The price with a coupon",
    {
        **_PRICES,
        **_BY_COUPON,
        "coupon_code": "DIWALI-10",
        "total_paise": 8910,
        "items": [{**_LINE, **_BY_COUPON, "paid_paise": 8910}],
    },
)
VERIFY = request_example(
    "From Razorpay Checkout",
    {
        "razorpay_order_id": "order_IluGWxBm9U8zJ8",
        "razorpay_payment_id": "pay_29QQoUBi66xm2f",
        "razorpay_signature": "9ef4dffbfd84f1318f6739a3ce19f9d85851857ae648f114332d8401e0949a3d",
    },
)
WEBHOOK = request_example(
    "A captured payment",
    {
        "entity": "event",
        "account_id": "acc_BFQ7uQEaa7j2z7",
        "event": "payment.captured",
        "contains": ["payment"],
        "payload": {"payment": {"entity": {"id": "pay_29QQoUBi66xm2f", "status": "captured"}}},
        "created_at": 1795441804,
    },
)
WEBHOOK_ACK = response_example("Stored", {"status": "stored"})
