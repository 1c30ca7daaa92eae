"""Disputes: a buyer asks the bank for the money back."""

from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, new_dispute, payment_in_event
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.payments import get_payment
from payments.sandbox.validation import (
    MAX_TEXT,
    read_amount,
    read_choice,
    refuse_extra_fields,
)

DISPUTE_FIELDS = {"amount", "phase", "reason_code"}
PHASES = {"fraud", "retrieval", "chargeback", "pre_arbitration", "arbitration"}
DEFAULT_REASON = "goods_or_services_not_received_or_partially_received"
# The status after each step; when the bank asks for more, the dispute is open once again.
STATUS_AFTER = {
    "under_review": "under_review",
    "action_required": "open",
    "won": "won",
    "lost": "lost",
    "closed": "closed",
}
ENDED = {"won", "lost", "closed"}


def get_dispute(sandbox: Sandbox, dispute_id: str) -> Entity:
    dispute = sandbox.store.find_dispute(dispute_id)
    if dispute is None:
        raise unknown_id()
    return dispute


def open_dispute(sandbox: Sandbox, *, payment_id: str, body: Mapping[str, Any]) -> Entity:
    """A new dispute about a captured payment, for all of it unless the body names an amount."""
    refuse_extra_fields(body, allowed=DISPUTE_FIELDS)
    phase = read_choice(body, "phase", choices=PHASES, default="chargeback")
    reason = _read_reason(body)
    with sandbox.store.transaction():
        payment = get_payment(sandbox, payment_id)
        dispute = new_dispute(
            payment=payment,
            amount=_disputable_amount(payment, body),
            phase=phase,
            reason_code=reason,
            created_at=sandbox.clock.timestamp(),
        )
        sandbox.store.insert_dispute(dispute)
        _tell(sandbox, "created", dispute=dispute, payment=payment)
    return dispute


def move_dispute(
    sandbox: Sandbox, *, dispute_id: str, step: str, body: Mapping[str, Any]
) -> Entity:
    """The dispute one step on; a lost one takes its amount from the merchant, or less if
    the body names an `amount`, and the settlement report shows it."""
    if step not in STATUS_AFTER:
        raise RazorpayError(f"A dispute can be moved to {', '.join(STATUS_AFTER)}.")
    refuse_extra_fields(body, allowed={"amount"} if step == "lost" else set())
    with sandbox.store.transaction():
        dispute = get_dispute(sandbox, dispute_id)
        if dispute["status"] in ENDED:
            raise RazorpayError(f"The dispute is {dispute['status']} already.")
        dispute["status"] = STATUS_AFTER[step]
        if step == "lost":
            dispute["amount_deducted"] = _amount_lost(dispute, body)
            sandbox.store.set_dispute_lost(dispute_id, sandbox.clock.timestamp())
        sandbox.store.save_dispute(dispute)
        payment = get_payment(sandbox, dispute["payment_id"])
        _tell(sandbox, step, dispute=dispute, payment=payment)
    return dispute


def _amount_lost(dispute: Entity, body: Mapping[str, Any]) -> int:
    if body.get("amount") is None:
        return int(dispute["amount"])
    amount = read_amount(body)
    if amount > dispute["amount"]:
        raise RazorpayError("The amount is greater than the amount disputed", field="amount")
    return amount


def _tell(sandbox: Sandbox, step: str, *, dispute: Entity, payment: Entity) -> None:
    sandbox.emit(f"payment.dispute.{step}", payment=payment_in_event(payment), dispute=dispute)


def _read_reason(body: Mapping[str, Any]) -> str:
    value = body.get("reason_code", DEFAULT_REASON)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise RazorpayError("The reason_code must be a string.", field="reason_code")
    return value


def _disputable_amount(payment: Entity, body: Mapping[str, Any]) -> int:
    if not payment["captured"]:
        raise RazorpayError("The payment status should be captured for action to be taken")
    if body.get("amount") is None:
        return int(payment["amount"])
    amount = read_amount(body)
    if amount > payment["amount"]:
        raise RazorpayError("The amount is greater than the amount captured", field="amount")
    return amount
