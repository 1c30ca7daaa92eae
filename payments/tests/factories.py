"""Orders and the gateway's news of them, for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from notes.models import Note
from notevault.accounts.models import User
from notevault.kit.ids import uuid7
from payments.checkout import start_checkout
from payments.gateways.base import GatewayPayment
from payments.gateways.memory import MemoryGateway
from payments.gateways.signatures import sign
from payments.ledger.posting import Leg, Posting, post
from payments.locks import lock_payment_with_order
from payments.models import Coupon, Order, Payment, Payout, Refund
from payments.payouts import Destination, request_payout
from payments.refunds import give_back
from payments.settlement import settle_payment
from payments.states import AccountKind, TransactionKind

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


def settled_payment(
    *, buyer: User, notes: list[Note], gateway: MemoryGateway, now: datetime
) -> Payment:
    """A sale that is paid and settled; the payment of it."""
    order = make_order(buyer=buyer, notes=notes, now=now)
    paid = gateway.pay(order.gateway_order_id)
    settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
    return Payment.objects.get(gateway_payment_id=paid.id)


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


def sell(*, buyer: User, notes: list[Note], gateway: Any, now: datetime, **how: Any) -> Order:
    """An order that is paid; its jobs have not run. `how` is what a checkout takes."""
    started = start_checkout(
        buyer_id=buyer.pk, note_ids=[note.pk for note in notes], now=now, **how
    )
    order = Order.objects.get(pk=started.order_id)
    payment = gateway.pay(order.gateway_order_id)
    return settle_payment(order_id=order.pk, payment=payment, source="test", now=now)


def refund_lines(*, order: Order, lines: Mapping[UUID, int], now: datetime) -> Refund:
    """A refund of these paise of these lines, on its way; its jobs have not run."""
    with transaction.atomic():
        _order, payment = locked(order)
        return give_back(
            payment=payment, amount_paise=sum(lines.values()), why="test", now=now, lines=lines
        )


def locked(order: Order) -> tuple[Order, Payment]:
    found = lock_payment_with_order(pk=order.payments.get(settles=True).pk)
    assert found is not None
    return found


def earn(seller: User, amount_paise: int, *, now: datetime) -> None:
    """The seller's available balance moves by an amount, as by sales or refunds after escrow."""
    legs = [
        Leg(AccountKind.GATEWAY_CLEARING, -amount_paise),
        Leg(AccountKind.SELLER_AVAILABLE, amount_paise, owner_id=seller.pk),
    ]
    with transaction.atomic():
        post([Posting(TransactionKind.SALE, uuid7(), legs)], now=now)


UPI = Destination(upi_id="asha.rao@okhdfcbank")
BANK = Destination(holder_name="ASHA RAO", account_number="50100123454321", ifsc="HDFC0001234")


def make_payout(
    seller: User, *, now: datetime, amount_paise: int = 25_000, to: Destination = UPI
) -> Payout:
    """A requested payout of money that the seller has earned for it."""
    earn(seller, amount_paise, now=now)
    return request_payout(seller_id=seller.pk, amount_paise=amount_paise, destination=to, now=now)
