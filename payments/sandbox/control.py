"""The control endpoint: one handler for each thing that a merchant cannot ask of Razorpay."""

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import collection
from payments.sandbox.messages import Request, Response, json_response


def arm_fault(sandbox: Sandbox, request: Request) -> Response:
    return json_response(sandbox.faults.arm(request.json_object()), status=201)


def list_faults(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(sandbox.faults.list_all()))


def clear_faults(sandbox: Sandbox, request: Request) -> Response:
    return json_response({"count": sandbox.faults.clear()})


def remove_fault(sandbox: Sandbox, request: Request, fault_id: str) -> Response:
    return json_response(sandbox.faults.remove(fault_id))
