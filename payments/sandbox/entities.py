"""Orders, payments, refunds, disputes and events in the shape in which Razorpay sends them."""

import hashlib
import json
import secrets
import string
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Entity: TypeAlias = dict[str, Any]
Notes: TypeAlias = dict[str, Any] | list[Any]

ALPHABET = string.ascii_letters + string.digits
ID_LENGTH = 14
DAYS_TO_RESPOND = 7
EVIDENCE = (
    "summary",
    "shipping_proof",
    "billing_proof",
    "cancellation_proof",
    "customer_communication",
    "proof_of_service",
    "explanation_letter",
    "refund_confirmation",
    "access_activity_log",
    "refund_cancellation_policy",
    "term_and_conditions",
    "others",
    "submitted_at",
)


def new_id(prefix: str = "") -> str:
    random = "".join(secrets.choice(ALPHABET) for _ in range(ID_LENGTH))
    return f"{prefix}_{random}" if prefix else random


def stable_id(prefix: str, seed: str) -> str:
    """The same id for the same seed, in the shape of a random one."""
    digest = hashlib.sha256(f"{prefix}:{seed}".encode()).digest()
    return f"{prefix}_" + "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest[:ID_LENGTH])


def random_digits(length: int) -> str:
    return "".join(secrets.choice(string.digits) for _ in range(length))


def gateway_fee(amount: int) -> tuple[int, int]:
    """Fee and the GST inside it, in paise: 2 % of the amount and 18 % on that, half up."""
    base = (amount * 2 + 50) // 100
    tax = (base * 18 + 50) // 100
    return base + tax, tax


def new_order(*, amount: int, receipt: str | None, notes: Notes, created_at: int) -> Entity:
    return {
        "id": new_id("order"),
        "entity": "order",
        "amount": amount,
        "amount_paid": 0,
        "amount_due": amount,
        "currency": "INR",
        "receipt": receipt,
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": notes,
        "created_at": created_at,
    }


def new_payment(*, order: Entity, method: str, instrument: Entity, created_at: int) -> Entity:
    """A payment in state created; `instrument` overrides what the method brings along."""
    return {
        "id": new_id("pay"),
        "entity": "payment",
        "amount": order["amount"],
        "currency": order["currency"],
        "status": "created",
        "order_id": order["id"],
        "invoice_id": None,
        "international": False,
        "method": method,
        "amount_refunded": 0,
        "refund_status": None,
        "captured": False,
        "description": None,
        "card_id": None,
        "bank": None,
        "wallet": None,
        "vpa": None,
        "email": "student@example.com",
        "contact": "+919000090000",
        "notes": [],
        "fee": None,
        "tax": None,
        "error_code": None,
        "error_description": None,
        "error_source": None,
        "error_step": None,
        "error_reason": None,
        "acquirer_data": {},
        "created_at": created_at,
    } | instrument


def new_refund(
    *,
    payment: Entity,
    amount: int,
    speed: str,
    receipt: str | None,
    notes: Notes,
    created_at: int,
) -> Entity:
    return {
        "id": new_id("rfnd"),
        "entity": "refund",
        "amount": amount,
        "currency": payment["currency"],
        "payment_id": payment["id"],
        "notes": notes,
        "receipt": receipt,
        "acquirer_data": {"arn": None},
        "created_at": created_at,
        "batch_id": None,
        "status": "processed",
        "speed_processed": "instant" if speed == "optimum" else "normal",
        "speed_requested": speed,
    }


def new_dispute(
    *, payment: Entity, amount: int, phase: str, reason_code: str, created_at: int
) -> Entity:
    return {
        "id": new_id("disp"),
        "entity": "dispute",
        "payment_id": payment["id"],
        "amount": amount,
        "currency": payment["currency"],
        "amount_deducted": 0,
        "reason_code": reason_code,
        "respond_by": created_at + DAYS_TO_RESPOND * 24 * 3600,
        "status": "open",
        "phase": phase,
        "created_at": created_at,
        "evidence": {"amount": amount} | dict.fromkeys(EVIDENCE),
    }


def collection(items: Sequence[Entity]) -> Entity:
    return {"entity": "collection", "count": len(items), "items": list(items)}


def payment_in_event(payment: Entity) -> Entity:
    """Events show two more amounts of a captured payment than the API does."""
    if not payment["captured"]:
        return payment
    return payment | {"amount_transferred": 0, "base_amount": payment["amount"]}


def event_body(
    *, account_id: str, event: str, entities: Mapping[str, Entity], created_at: int
) -> bytes:
    """The bytes of a webhook.

    Slashes are escaped as Razorpay's own encoder does it, so a receiver that signs
    re-serialised JSON gets another signature here too.
    """
    envelope = {
        "entity": "event",
        "account_id": account_id,
        "event": event,
        "contains": list(entities),
        "payload": {name: {"entity": entity} for name, entity in entities.items()},
        "created_at": created_at,
    }
    return json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode()
