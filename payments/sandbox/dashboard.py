"""What happens to a payment without the merchant's program: by a bank, or by hand."""

from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, payment_in_event, random_digits
from payments.sandbox.errors import RazorpayError
from payments.sandbox.methods import SUCCEEDING_VPA, Attempt, upi_instrument
from payments.sandbox.orders import get_order
from payments.sandbox.payments import (
    authorize_payment,
    get_payment,
    record_authorization,
    record_capture,
    start_payment,
)
from payments.sandbox.refunds import get_refund, refund_payment
from payments.sandbox.validation import refuse_extra_fields


def refund_by_hand(sandbox: Sandbox, *, payment_id: str, body: Mapping[str, Any]) -> Entity:
    """A refund that the merchant's program knows nothing of: no receipt and no key."""
    refuse_extra_fields(body, allowed={"amount"})
    return refund_payment(sandbox, payment_id=payment_id, body=body, key=None)


def return_refund(sandbox: Sandbox, *, refund_id: str) -> Entity:
    """The buyer's bank sends a refund back after it was processed: its money is the
    merchant's again."""
    with sandbox.store.transaction():
        refund = get_refund(sandbox, refund_id)
        if refund["status"] != "processed":
            raise RazorpayError("Only a processed refund can fail")
        payment = get_payment(sandbox, refund["payment_id"])
        refund["status"] = "failed"
        payment["amount_refunded"] -= refund["amount"]
        payment["refund_status"] = "partial" if payment["amount_refunded"] else None
        if payment["captured"]:
            payment["status"] = "captured"
        sandbox.store.save_refund(refund)
        sandbox.store.save_payment(payment)
        sandbox.emit("refund.failed", refund=refund, payment=payment_in_event(payment))
    return refund


def authorize_late(sandbox: Sandbox, *, payment_id: str) -> Entity:
    """The bank's yes after its no; from there the usual rules hold."""
    with sandbox.store.transaction():
        payment = get_payment(sandbox, payment_id)
        if payment["status"] != "failed":
            raise RazorpayError(
                "Only a failed payment can be authorized late",
                metadata={"payment_id": payment_id, "order_id": payment["order_id"]},
            )
        authorize_payment(sandbox, payment=payment)
    return payment


def capture_again(sandbox: Sandbox, *, order_id: str) -> Entity:
    """A further payment of an order that is paid, captured all the same."""
    attempt = Attempt("upi", upi_instrument(SUCCEEDING_VPA, reference=random_digits(12)))
    with sandbox.store.transaction():
        order = get_order(sandbox, order_id)
        if order["status"] != "paid":
            raise RazorpayError(
                "Only an order that is paid can be paid again", metadata={"order_id": order_id}
            )
        payment = start_payment(sandbox, order=order, attempt=attempt)
        record_authorization(sandbox, payment=payment)
        record_capture(sandbox, payment=payment)
    return payment
