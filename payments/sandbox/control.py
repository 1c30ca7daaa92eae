"""The control endpoint: one handler for each thing that a merchant cannot ask of Razorpay."""

from payments.sandbox import dashboard, disputes, settlements
from payments.sandbox.app import Sandbox
from payments.sandbox.entities import collection
from payments.sandbox.messages import Request, Response, json_response
from payments.sandbox.validation import read_speed


def arm_fault(sandbox: Sandbox, request: Request) -> Response:
    return json_response(sandbox.faults.arm(request.json_object()), status=201)


def list_faults(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(sandbox.faults.list_all()))


def clear_faults(sandbox: Sandbox, request: Request) -> Response:
    return json_response({"count": sandbox.faults.clear()})


def remove_fault(sandbox: Sandbox, request: Request, fault_id: str) -> Response:
    return json_response(sandbox.faults.remove(fault_id))


def refund_in_dashboard(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    body = request.json_object()
    return json_response(dashboard.refund_by_hand(sandbox, payment_id=payment_id, body=body))


def return_refund(sandbox: Sandbox, request: Request, refund_id: str) -> Response:
    return json_response(dashboard.return_refund(sandbox, refund_id=refund_id))


def authorize_late(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    return json_response(dashboard.authorize_late(sandbox, payment_id=payment_id))


def capture_again(sandbox: Sandbox, request: Request, order_id: str) -> Response:
    return json_response(dashboard.capture_again(sandbox, order_id=order_id))


def open_dispute(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    body = request.json_object()
    return json_response(disputes.open_dispute(sandbox, payment_id=payment_id, body=body))


def move_dispute(sandbox: Sandbox, request: Request, dispute_id: str, step: str) -> Response:
    body = request.json_object()
    moved = disputes.move_dispute(sandbox, dispute_id=dispute_id, step=step, body=body)
    return json_response(moved)


def adjust_settlement(sandbox: Sandbox, request: Request, entity_id: str) -> Response:
    body = request.json_object()
    return json_response(settlements.adjust_settlement(sandbox, entity_id=entity_id, body=body))


def process_settlement(sandbox: Sandbox, request: Request) -> Response:
    return json_response(settlements.process_settlement(sandbox))


def show_clock(sandbox: Sandbox, request: Request) -> Response:
    return json_response({"speed": sandbox.clock.speed})


def set_clock(sandbox: Sandbox, request: Request) -> Response:
    sandbox.set_clock(read_speed(request.json_object()))
    return show_clock(sandbox, request)
