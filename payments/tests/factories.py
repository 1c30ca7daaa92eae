"""Orders and the gateway's news of them, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from notes.models import Note
from notevault.accounts.models import User
from payments.checkout import start_checkout
from payments.gateways.base import GatewayPayment
from payments.gateways.signatures import sign
from payments.models import Coupon, Order

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "razorpay.json").read_text()
)


def make_order(
    *, buyer: User, notes: list[Note], now: datetime, coupon_code: str | None = None
) -> Order:
    """An order that waits for payment; needs the `gateway` fixture."""
    started = start_checkout(
        buyer_id=buyer.pk,
        note_ids=[note.pk for note in notes],
        coupon_code=coupon_code,
        now=now,
    )
    return Order.objects.get(pk=started.order_id)


def make_coupon(code: str = "DIWALI-10", **fields: Any) -> Coupon:
    """10 % off, at most ₹100, once a buyer; a flat one takes `flat_paise`."""
    percentage = {"percent": 10, "max_discount_paise": 10_000}
    kind = {} if "flat_paise" in fields else percentage
    return Coupon.objects.create(code=code, **{"valid_from": LONG_AGO, **kind, **fields})


def told(payment: GatewayPayment, **fields: Any) -> GatewayPayment:
    """The payment as the gateway tells of it, but for these fields."""
    return replace(payment, **fields)


def payment_entity(payment: GatewayPayment) -> dict[str, Any]:
    """The payment as Razorpay writes it."""
    return {
        "id": payment.id,
        "entity": "payment",
        "order_id": payment.order_id,
        "amount": payment.amount_paise,
        "currency": payment.currency,
        "status": payment.status,
        "captured": payment.is_captured,
        "method": payment.method,
        "amount_refunded": payment.refunded_paise,
        "fee": payment.fee_paise,
        "tax": payment.tax_paise,
        "error_code": payment.error_code or None,
        "error_description": payment.error_description or None,
        "created_at": int(payment.created_at.timestamp()),
    }


def event_body(event: str, entities: Mapping[str, Any], *, created_at: datetime) -> bytes:
    envelope = {
        "entity": "event",
        "account_id": "acc_BFQ7uQEaa7j2z7",
        "event": event,
        "contains": list(entities),
        "payload": {name: {"entity": entity} for name, entity in entities.items()},
        "created_at": int(created_at.timestamp()),
    }
    return json.dumps(envelope).encode()


def signed(body: bytes, secret: str) -> dict[str, Any]:
    return {"body": body, "signature": sign(body, secret=secret)}
