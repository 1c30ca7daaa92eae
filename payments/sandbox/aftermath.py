"""What follows by itself when a buyer has paid with a magic UPI id."""

import contextlib
from collections.abc import Callable

from payments.sandbox.app import Sandbox
from payments.sandbox.dashboard import authorize_late, capture_again, refund_by_hand
from payments.sandbox.disputes import open_dispute
from payments.sandbox.entities import Entity
from payments.sandbox.errors import RazorpayError
from payments.sandbox.magic import DISPUTED, LATE, REFUNDED, TWICE

LATE_BY_SECONDS = 3.0

AFTER_CAPTURE: dict[str, Callable[[Sandbox, Entity], Entity]] = {
    TWICE: lambda sandbox, payment: capture_again(sandbox, order_id=payment["order_id"]),
    REFUNDED: lambda sandbox, payment: refund_by_hand(sandbox, payment_id=payment["id"], body={}),
    DISPUTED: lambda sandbox, payment: open_dispute(sandbox, payment_id=payment["id"], body={}),
}


def follow_up(sandbox: Sandbox, payment: Entity) -> None:
    """Do, or have done later, what the payment's UPI id asks for."""
    if payment["vpa"] == LATE:
        sandbox.run_later(LATE_BY_SECONDS, lambda: _authorize_if_failed(sandbox, payment["id"]))
    elif payment["status"] == "captured" and payment["vpa"] in AFTER_CAPTURE:
        AFTER_CAPTURE[payment["vpa"]](sandbox, payment)


def _authorize_if_failed(sandbox: Sandbox, payment_id: str) -> None:
    """Somebody may have authorised it over the control endpoint meanwhile."""
    with contextlib.suppress(RazorpayError):
        authorize_late(sandbox, payment_id=payment_id)
