"""Refunds, once per idempotency key and never above what was paid."""

from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, Notes, new_refund, payment_in_event
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.refund_keys import check_key, fingerprint, key_was_spent
from payments.sandbox.validation import (
    read_amount,
    read_choice,
    read_notes,
    read_receipt,
    refuse_extra_fields,
)

REFUND_FIELDS = {"amount", "speed", "notes", "receipt"}


def get_refund(sandbox: Sandbox, refund_id: str) -> Entity:
    refund = sandbox.store.find_refund(refund_id)
    if refund is None:
        raise unknown_id()
    return refund


def refund_payment(
    sandbox: Sandbox, *, payment_id: str, body: Mapping[str, Any], key: str | None
) -> Entity:
    """A new refund, or the one that the same key and body have made before."""
    if key is None:
        with sandbox.store.transaction():
            return _refund(sandbox, payment_id=payment_id, body=body)
    check_key(key)
    with sandbox.refund_keys.hold(key), sandbox.store.transaction():
        print_of_body = fingerprint(payment_id, body)
        spent = sandbox.store.find_refund_key(key)
        if spent is None:
            refund = _refund(sandbox, payment_id=payment_id, body=body)
            sandbox.store.insert_refund_key(
                key=key, fingerprint=print_of_body, refund_id=refund["id"]
            )
            return refund
        if spent["fingerprint"] != print_of_body:
            raise key_was_spent()
        return get_refund(sandbox, spent["refund_id"])


def add_refund(
    sandbox: Sandbox,
    *,
    payment: Entity,
    amount: int,
    speed: str = "normal",
    receipt: str | None = None,
    notes: Notes | None = None,
) -> Entity:
    """Step inside the caller's transaction: the refund, the payment's new state, two events."""
    refund = new_refund(
        payment=payment,
        amount=amount,
        speed=speed,
        receipt=receipt,
        notes=notes or [],
        created_at=sandbox.clock.timestamp(),
    )
    payment["amount_refunded"] += amount
    is_full = payment["amount_refunded"] == payment["amount"]
    payment["refund_status"] = "full" if is_full else "partial"
    if is_full:
        payment["status"] = "refunded"
    sandbox.store.insert_refund(refund)
    sandbox.store.save_payment(payment)
    for event in ("refund.created", "refund.processed"):
        sandbox.emit(event, refund=refund, payment=payment_in_event(payment))
    return refund


def _refund(sandbox: Sandbox, *, payment_id: str, body: Mapping[str, Any]) -> Entity:
    refuse_extra_fields(body, allowed=REFUND_FIELDS)
    speed = read_choice(body, "speed", choices={"normal", "optimum"}, default="normal")
    payment = sandbox.store.find_payment(payment_id)
    if payment is None:
        raise unknown_id()
    return add_refund(
        sandbox,
        payment=payment,
        amount=_refundable_amount(payment, body),
        speed=speed,
        receipt=read_receipt(body),
        notes=read_notes(body),
    )


def _refundable_amount(payment: Entity, body: Mapping[str, Any]) -> int:
    """What is asked for, or all that is left when nothing is."""
    if not payment["captured"]:
        raise RazorpayError("The payment status should be captured for action to be taken")
    left = int(payment["amount"] - payment["amount_refunded"])
    if left == 0:
        raise RazorpayError("The payment has been fully refunded already")
    if body.get("amount") is None:
        return left
    amount = read_amount(body)
    if amount > payment["amount"]:
        raise RazorpayError(
            "The refund amount provided is greater than amount captured", field="amount"
        )
    if amount > left:
        raise RazorpayError(
            "The total refund amount is greater than the refund payment amount", field="amount"
        )
    return amount
