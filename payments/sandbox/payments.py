"""A payment's way: created, authorized, captured, refunded, or failed.

Functions that say "step" run inside the caller's transaction.
"""

from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, gateway_fee, new_payment, payment_in_event
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.methods import Attempt, Failure
from payments.sandbox.orders import get_order
from payments.sandbox.refunds import add_refund
from payments.sandbox.validation import read_amount, read_currency, refuse_extra_fields

ORDER_IS_PAID = (
    "Your payment has been declined as the order is already paid. "
    "Please initiate the payment with a new order."
)


def get_payment(sandbox: Sandbox, payment_id: str) -> Entity:
    payment = sandbox.store.find_payment(payment_id)
    if payment is None:
        raise unknown_id()
    return payment


def pay_order(sandbox: Sandbox, *, order_id: str, attempt: Attempt) -> Entity:
    """The payment after its attempt: captured, authorized or failed.

    Raises RazorpayError when the order is paid already.
    """
    with sandbox.store.transaction():
        order = get_order(sandbox, order_id)
        if order["status"] == "paid":
            raise RazorpayError(ORDER_IS_PAID, metadata={"order_id": order_id})
        payment = start_payment(sandbox, order=order, attempt=attempt)
        if attempt.failure:
            fail_payment(sandbox, payment=payment, failure=attempt.failure)
        elif attempt.is_left_to_merchant:
            record_authorization(sandbox, payment=payment)
        else:
            authorize_payment(sandbox, payment=payment)
    return payment


def start_payment(sandbox: Sandbox, *, order: Entity, attempt: Attempt) -> Entity:
    """Step: a payment in state created, counted as one more attempt of its order."""
    now, capture = sandbox.clock.now(), sandbox.store.get_capture(order["id"])
    payment = new_payment(
        order=order, method=attempt.method, instrument=attempt.instrument, created_at=int(now)
    )
    payment["amount"] = max(payment["amount"] - attempt.shortfall, 1)
    sandbox.store.insert_payment(
        payment,
        automatic_until=now + sandbox.clock.lasting(capture["automatic_expiry_period"] * 60),
        expires_at=now + sandbox.clock.lasting(capture["manual_expiry_period"] * 60),
    )
    order["attempts"] += 1
    if order["status"] == "created":
        order["status"] = "attempted"
    sandbox.store.save_order(order)
    return payment


def fail_payment(sandbox: Sandbox, *, payment: Entity, failure: Failure) -> None:
    """Step: the bank said no; a later yes is still possible."""
    payment |= {
        "status": "failed",
        "error_code": "BAD_REQUEST_ERROR",
        "error_description": failure.description,
        "error_source": failure.source,
        "error_step": failure.step,
        "error_reason": failure.reason,
    }
    sandbox.store.save_payment(payment)
    sandbox.emit("payment.failed", payment=payment_in_event(payment))


def authorize_payment(sandbox: Sandbox, *, payment: Entity) -> None:
    """Step: the bank said yes; then captured, left to the merchant, or given back.

    A payment for an order that is paid already is refunded and never captured.
    """
    record_authorization(sandbox, payment=payment)
    order = get_order(sandbox, payment["order_id"])
    capture = sandbox.store.get_capture(order["id"])
    is_in_time = sandbox.clock.now() < sandbox.store.automatic_until(payment["id"])
    if order["status"] == "paid":
        give_back(sandbox, payment=payment, speed=capture["refund_speed"])
    elif capture["capture"] == "automatic" and is_in_time:
        settle_capture(sandbox, payment=payment, order=order)


def record_authorization(sandbox: Sandbox, *, payment: Entity) -> None:
    """Step: the bank said yes, and nothing follows from it yet."""
    payment |= {"status": "authorized"} | dict.fromkeys(
        ("error_code", "error_description", "error_source", "error_step", "error_reason")
    )
    sandbox.store.save_payment(payment)
    sandbox.store.mark_order_authorized(payment["order_id"])
    sandbox.emit("payment.authorized", payment=payment_in_event(payment))


def capture_payment(sandbox: Sandbox, *, payment_id: str, body: Mapping[str, Any]) -> Entity:
    """Capture by the merchant, for exactly what was authorised."""
    refuse_extra_fields(body, allowed={"amount", "currency"})
    amount = read_amount(body)
    read_currency(body, default="INR")
    with sandbox.store.transaction():
        payment = get_payment(sandbox, payment_id)
        order = get_order(sandbox, payment["order_id"])
        _check_capture(payment, order=order, amount=amount)
        settle_capture(sandbox, payment=payment, order=order)
    return payment


def settle_capture(sandbox: Sandbox, *, payment: Entity, order: Entity) -> None:
    """Step: the money is the merchant's, the order is paid, rival payments are given back."""
    paid, due = payment["amount"], order["amount"] - payment["amount"]
    order |= {"status": "paid", "amount_paid": paid, "amount_due": due}
    sandbox.store.save_order(order)
    record_capture(sandbox, payment=payment)
    sandbox.emit("order.paid", payment=payment_in_event(payment), order=order)
    speed = sandbox.store.get_capture(order["id"])["refund_speed"]
    for rival in sandbox.store.list_payments_of_order(order["id"]):
        if rival["status"] == "authorized":
            give_back(sandbox, payment=rival, speed=speed)


def record_capture(sandbox: Sandbox, *, payment: Entity) -> None:
    """Step: the money is the merchant's, and nothing follows from it yet."""
    fee, tax = gateway_fee(payment["amount"])
    payment |= {"status": "captured", "captured": True, "fee": fee, "tax": tax}
    sandbox.store.save_payment(payment)
    sandbox.store.set_payment_captured(payment["id"], sandbox.clock.timestamp())
    sandbox.emit("payment.captured", payment=payment_in_event(payment))


def give_back(sandbox: Sandbox, *, payment: Entity, speed: str) -> None:
    """Step: Razorpay itself refunds what was authorised and will not be captured."""
    add_refund(sandbox, payment=payment, amount=payment["amount"], speed=speed)


def give_back_expired(sandbox: Sandbox) -> None:
    """Refund payments that nobody captured in time; called before anything is read."""
    now = sandbox.clock.now()
    if not sandbox.store.list_expired_payments(now):
        return
    with sandbox.store.transaction():
        for payment in sandbox.store.list_expired_payments(now):
            capture = sandbox.store.get_capture(payment["order_id"])
            give_back(sandbox, payment=payment, speed=capture["refund_speed"])


def _check_capture(payment: Entity, *, order: Entity, amount: int) -> None:
    metadata = {"payment_id": payment["id"], "order_id": order["id"]}
    if payment["captured"]:
        raise RazorpayError("This payment has already been captured", metadata=metadata)
    if order["status"] == "paid":
        raise RazorpayError(ORDER_IS_PAID, metadata=metadata)
    if payment["status"] != "authorized":
        raise RazorpayError(
            "Only payments which have been authorized and not yet captured can be captured",
            metadata=metadata,
        )
    if amount != payment["amount"]:
        raise RazorpayError(
            "Capture amount must be equal to the amount authorized",
            field="amount",
            metadata=metadata,
        )
