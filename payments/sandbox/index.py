"""The start page: what the sandbox is, its last orders, its last events."""

from datetime import datetime
from typing import Any

from payments.sandbox.app import Sandbox
from payments.sandbox.entities import Entity
from payments.sandbox.messages import Request, Response
from payments.sandbox.pages import Safe, join, page, render, rupees
from payments.sandbox.validation import LARGEST_INTEGER, Page

ORDERS = 20
EVENTS = 50


def show_index(sandbox: Sandbox, request: Request) -> Response:
    newest = Page(start=0, end=LARGEST_INTEGER, count=ORDERS, skip=0)
    orders = sandbox.store.list_orders(newest)
    events = sandbox.deliverer.outbox.list_events(count=EVENTS)
    content = render(
        "index.html",
        host=request.headers.get("host", "localhost"),
        key_id=sandbox.config.key_id,
        webhook=_webhook_state(sandbox),
        faults=_fault_state(sandbox),
        orders=join([_order_row(order) for order in orders]) or _empty("No orders yet."),
        events=join([_event_row(event) for event in events]) or _empty("No events yet."),
    )
    return page("Razorpay sandbox", content)


def _webhook_state(sandbox: Sandbox) -> str:
    if sandbox.deliverer.url is None:
        return "No webhook URL is set: events are recorded and not sent."
    disabled_at = sandbox.deliverer.outbox.disabled_at()
    if disabled_at is None:
        return f"Events are sent to {sandbox.deliverer.url}."
    return (
        f"Disabled since {_time(disabled_at)}: {sandbox.deliverer.url} failed for 24 hours. "
        "POST /webhook/enable turns it on again."
    )


def _fault_state(sandbox: Sandbox) -> str:
    count = len(sandbox.faults.list_all())
    if count == 0:
        return "None is armed."
    return "1 has been armed." if count == 1 else f"{count} have been armed."


def _order_row(order: Entity) -> Safe:
    return render(
        "order_row.html",
        id=order["id"],
        receipt=order["receipt"] or "",
        amount=rupees(order["amount"]),
        status=order["status"],
        created_at=_time(order["created_at"]),
    )


def _event_row(event: Any) -> Safe:
    return render(
        "event_row.html",
        event=event["event"],
        id=event["id"],
        attempts=event["attempts"],
        state=event["state"].replace("_", " "),
        last_status=event["last_status"] or "",
        created_at=_time(event["created_at"]),
    )


def _empty(text: str) -> Safe:
    return render("empty_row.html", text=text)


def _time(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
