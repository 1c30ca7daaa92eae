"""Razorpay's REST API and the two dashboard actions: one handler per route."""

import json

from payments.sandbox import disputes, orders, payments, refunds, settlements
from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity, collection
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.messages import Request, Response, json_response
from payments.sandbox.validation import read_page


def create_order(sandbox: Sandbox, request: Request) -> Response:
    return json_response(orders.create_order(sandbox, request.json_object()))


def list_orders(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(orders.list_orders(sandbox, request.query)))


def fetch_order(sandbox: Sandbox, request: Request, order_id: str) -> Response:
    return json_response(orders.get_order(sandbox, order_id))


def list_order_payments(sandbox: Sandbox, request: Request, order_id: str) -> Response:
    orders.get_order(sandbox, order_id)
    return json_response(collection(sandbox.store.list_payments_of_order(order_id)))


def list_payments(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(sandbox.store.list_payments(read_page(request.query))))


def fetch_payment(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    return json_response(payments.get_payment(sandbox, payment_id))


def capture_payment(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    body = request.json_object()
    return json_response(payments.capture_payment(sandbox, payment_id=payment_id, body=body))


def refund_payment(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    refund = refunds.refund_payment(
        sandbox,
        payment_id=payment_id,
        body=request.json_object(),
        key=request.headers.get("x-refund-idempotency"),
    )
    return json_response(refund)


def list_payment_refunds(sandbox: Sandbox, request: Request, payment_id: str) -> Response:
    payments.get_payment(sandbox, payment_id)
    page = read_page(request.query)
    found = sandbox.store.list_refunds_of_payment(page, payment_id=payment_id)
    return json_response(collection(found))


def fetch_payment_refund(
    sandbox: Sandbox, request: Request, payment_id: str, refund_id: str
) -> Response:
    refund = refunds.get_refund(sandbox, refund_id)
    if refund["payment_id"] != payment_id:
        raise unknown_id()
    return json_response(refund)


def list_refunds(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(sandbox.store.list_refunds(read_page(request.query))))


def fetch_refund(sandbox: Sandbox, request: Request, refund_id: str) -> Response:
    return json_response(refunds.get_refund(sandbox, refund_id))


def list_disputes(sandbox: Sandbox, request: Request) -> Response:
    return json_response(collection(sandbox.store.list_disputes(read_page(request.query))))


def fetch_dispute(sandbox: Sandbox, request: Request, dispute_id: str) -> Response:
    return json_response(disputes.get_dispute(sandbox, dispute_id))


def combined_recon(sandbox: Sandbox, request: Request) -> Response:
    return json_response(settlements.combined_recon(sandbox, request.query))


def health(sandbox: Sandbox, request: Request) -> Response:
    return json_response({"status": "ok"})


def list_events(sandbox: Sandbox, request: Request) -> Response:
    page = read_page(request.query)
    rows = sandbox.deliverer.outbox.list_events(count=page.count, skip=page.skip)
    items: list[Entity] = [dict(row) | {"body": json.loads(row["body"])} for row in rows]
    return json_response(collection(items))


def replay_event(sandbox: Sandbox, request: Request, event_id: str) -> Response:
    """Send an old event once more, with the same id, bytes and signature."""
    with sandbox.store.transaction():
        if not sandbox.deliverer.outbox.has_event(event_id):
            raise unknown_id()
        if sandbox.deliverer.url is None:
            raise RazorpayError("No webhook URL is set.")
        if not sandbox.deliverer.accepts():
            raise RazorpayError("The webhook is disabled. Enable it first.")
        sandbox.deliverer.enqueue(event_id)
    return json_response({"id": event_id, "state": "pending"})


def enable_webhook(sandbox: Sandbox, request: Request) -> Response:
    sandbox.deliverer.outbox.enable_endpoint()
    return json_response({"url": sandbox.deliverer.url, "enabled": True})
