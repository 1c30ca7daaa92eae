"""Creating and listing orders."""

from collections.abc import Mapping
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, new_order
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.validation import (
    read_amount,
    read_choice,
    read_currency,
    read_flag,
    read_integer,
    read_minutes,
    read_notes,
    read_page,
    read_receipt,
    refuse_extra_fields,
)

ORDER_FIELDS = {
    "amount",
    "currency",
    "receipt",
    "notes",
    "payment",
    "payment_capture",
    "unique_receipt",
}
CAPTURE_OPTIONS = {"automatic_expiry_period", "manual_expiry_period", "refund_speed"}
LEAST_EXPIRY_MINUTES = 12
MOST_EXPIRY_MINUTES = 7200


def create_order(sandbox: Sandbox, body: Mapping[str, Any]) -> Entity:
    """A new order, or with `unique_receipt` the earlier one of the same receipt and amount."""
    refuse_extra_fields(body, allowed=ORDER_FIELDS)
    amount, receipt = read_amount(body), read_receipt(body)
    read_currency(body)
    notes, capture = read_notes(body), read_capture(body)
    may_return_earlier = read_flag(body, "unique_receipt", default=False)
    with sandbox.store.transaction():
        earlier = sandbox.store.find_order_by_receipt(receipt) if receipt else None
        if earlier is None:
            order = new_order(
                amount=amount,
                receipt=receipt,
                notes=notes,
                created_at=sandbox.clock.timestamp(),
            )
            sandbox.store.insert_order(order, capture=capture)
            return order
    if may_return_earlier and earlier["amount"] == amount:
        return earlier
    raise RazorpayError(
        "Order receipt should be unique.",
        field="receipt",
        metadata={"order_id": earlier["id"]},
    )


def read_capture(body: Mapping[str, Any]) -> Entity:
    """How and until when an order's payments are captured; automatic unless it says manual."""
    default = "automatic" if read_flag(body, "payment_capture", default=True) else "manual"
    payment = _read_object(body, "payment")
    refuse_extra_fields(payment, allowed={"capture", "capture_options"})
    options = _read_object(payment, "capture_options")
    refuse_extra_fields(options, allowed=CAPTURE_OPTIONS)
    automatic = read_minutes(
        options,
        "automatic_expiry_period",
        least=LEAST_EXPIRY_MINUTES,
        most=MOST_EXPIRY_MINUTES,
        default=MOST_EXPIRY_MINUTES,
    )
    return {
        "capture": read_choice(
            payment, "capture", choices={"automatic", "manual"}, default=default
        ),
        "automatic_expiry_period": automatic,
        "manual_expiry_period": read_minutes(
            options,
            "manual_expiry_period",
            least=automatic if "automatic_expiry_period" in options else LEAST_EXPIRY_MINUTES,
            most=MOST_EXPIRY_MINUTES,
            default=MOST_EXPIRY_MINUTES,
        ),
        "refund_speed": read_choice(
            options, "refund_speed", choices={"normal", "optimum"}, default="normal"
        ),
    }


def get_order(sandbox: Sandbox, order_id: str) -> Entity:
    order = sandbox.store.find_order(order_id)
    if order is None:
        raise unknown_id()
    return order


def list_orders(sandbox: Sandbox, query: Mapping[str, str]) -> list[Entity]:
    page = read_page(query)
    if receipt := query.get("receipt"):
        return sandbox.store.list_orders_by_receipt(page, receipt=receipt)
    authorized = read_integer(query, "authorized", default=-1)
    if authorized not in (-1, 0, 1):
        raise RazorpayError("The selected authorized is invalid.", field="authorized")
    return sandbox.store.list_orders(page, authorized=None if authorized < 0 else authorized)


def _read_object(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RazorpayError(f"The {name} must be an array.", field=name)
    return value
