"""How a request goes wrong: a refusal, a long silence, or a connection that breaks."""

from collections.abc import Callable

from payments.sandbox.app import Sandbox
from payments.sandbox.errors import RazorpayError, server_failed, unrelated_to_payment
from payments.sandbox.faults import API_KINDS, DEFAULT_SECONDS
from payments.sandbox.magic import FAULTS_BY_AMOUNT
from payments.sandbox.messages import ConnectionCut, Request, Response, error_response

BAD_GATEWAY = b"""<html>
<head><title>502 Bad Gateway</title></head>
<body>
<center><h1>502 Bad Gateway</h1></center>
<hr><center>nginx</center>
</body>
</html>
"""


def answer_with_faults(
    sandbox: Sandbox, request: Request, *, operation: str, work: Callable[[], Response]
) -> Response:
    """The answer of `work`, or what the fault that the request meets makes of it.

    Raises ConnectionCut when there is to be no answer.
    """
    fault = sandbox.faults.take(kinds=API_KINDS, where=operation, text=_text_of(request))
    if fault is not None:
        return _go_wrong(sandbox, kind=fault.kind, seconds=fault.seconds, work=work)
    kind = _fault_of_amount(sandbox, request) if operation == "create_order" else None
    if kind is not None:
        return _go_wrong(sandbox, kind=kind, seconds=DEFAULT_SECONDS.get(kind, 0), work=work)
    return work()


def _fault_of_amount(sandbox: Sandbox, request: Request) -> str | None:
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


def _text_of(request: Request) -> str:
    """What a fault's `match` is looked for in: path, query values and body."""
    return "\n".join((request.path, *request.query.values(), request.body.decode(errors="replace")))


def _go_wrong(
    sandbox: Sandbox, *, kind: str, seconds: float, work: Callable[[], Response]
) -> Response:
    if kind in ("rate_limited", "server_error", "bad_gateway"):
        return _refusal(kind)
    if kind in ("reset_after", "answer_lost"):
        work()
    if kind in ("reset_before", "reset_after"):
        raise ConnectionCut(is_reset=True)
    stopped = sandbox.stopping.wait(seconds)
    if kind == "slow" and not stopped:
        return work()
    raise ConnectionCut(is_reset=False)


def _refusal(kind: str) -> Response:
    if kind == "bad_gateway":
        return Response(502, BAD_GATEWAY, "text/html")
    if kind == "server_error":
        return error_response(server_failed())
    return error_response(
        unrelated_to_payment("Request failed. Please try after sometime.", status=429)
    )
