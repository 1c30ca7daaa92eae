"""Values that make a payment or an order go wrong, for whom the control endpoint is too far."""

from payments.sandbox.app import Sandbox
from payments.sandbox.errors import RazorpayError
from payments.sandbox.messages import Request

FAULTS_BY_AMOUNT = {
    900429: "rate_limited",
    900500: "server_error",
    900502: "bad_gateway",
    900030: "silent",
    900001: "reset_before",
    900002: "reset_after",
    900003: "answer_lost",
}


def fault_of_amount(sandbox: Sandbox, request: Request) -> str | None:
    """The fault that an order's amount asks for, once per receipt so that a retry succeeds.

    Without a receipt no retry can be told from a new order, and each one meets the fault.
    """
    try:
        body = request.json_object()
    except RazorpayError:
        return None
    amount, receipt = body.get("amount"), body.get("receipt")
    kind = FAULTS_BY_AMOUNT.get(amount) if isinstance(amount, int) else None
    if kind is None or (isinstance(receipt, str) and not sandbox.meet_first(receipt)):
        return None
    return kind
