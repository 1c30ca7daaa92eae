"""Reads both sides: the sandbox's lists over its API, ours from the database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from procrastinate.contrib.django.models import ProcrastinateJob

from notes.models import NoteAccess
from notevault.chaos import after_sale_books
from notevault.chaos.banks import Transfer
from notevault.chaos.gateway import Sandbox
from notevault.chaos.records import Records
from notevault.chaos.state import (
    GatewayEvent,
    OurAccess,
    OurEvent,
    OurJob,
    OurLine,
    OurOrder,
    OurPayment,
    OurRefund,
    Promises,
    State,
)
from ops.models import DeadLetter
from ops.states import LetterState
from payments.gateways import entities
from payments.models import Order, OrderItem, Payment, Refund, WebhookEvent

# Of a run, not of what the job is about.
PASSING = {"request_id", "dead_letter_id"}
PERIODIC = {"timestamp"}


def read(*, sandbox: Sandbox, records: Records, transfers: list[Transfer]) -> State:
    """Ours first: what the gateway does meanwhile is then not known here yet, never the
    other way round."""
    ours = _read_ours()
    return State(
        gateway_orders=[entities.order_from(e) for e in sandbox.list_all("/v1/orders")],
        gateway_payments=[entities.payment_from(e) for e in sandbox.list_all("/v1/payments")],
        gateway_refunds=[entities.refund_from(e) for e in sandbox.list_all("/v1/refunds")],
        gateway_disputes=[entities.dispute_from(e) for e in sandbox.list_all("/v1/disputes")],
        gateway_events=[
            GatewayEvent(e["id"], e["event"], e["state"] == "delivered")
            for e in sandbox.list_all("/events")
        ],
        transfers=transfers,
        promises=Promises(
            frozenset(records.orders),
            frozenset(records.paid),
            frozenset(records.requests),
            frozenset(records.payouts),
        ),
        **ours,
    )


def _read_ours() -> dict[str, Any]:
    letters = list(DeadLetter.objects.values_list("task", "arguments", "state"))
    return {
        "orders": [OurOrder(*row) for row in Order.objects.values_list(*ORDER)],
        "lines": [OurLine(*row) for row in OrderItem.objects.values_list(*LINE)],
        "payments": [OurPayment(*row) for row in Payment.objects.values_list(*PAYMENT)],
        "refunds": list(_refunds()),
        **after_sale_books.read(),
        "accesses": [
            OurAccess(*row)
            for row in NoteAccess.objects.filter(revoked_at=None).values_list(*ACCESS)
        ],
        "events": [
            OurEvent(str(pk), *row) for pk, *row in WebhookEvent.objects.values_list(*EVENT)
        ],
        "failed_jobs": list(_failed_jobs()),
        "letters": [OurJob(task, _subject(args)) for task, args, _ in letters],
        "open_letters": [
            OurJob(task, _subject(args))
            for task, args, state in letters
            if state == LetterState.OPEN
        ],
    }


ORDER = ("pk", "state", "total_paise", "currency", "gateway_order_id")
LINE = ("pk", "order_id", "paid_paise")
PAYMENT = ("gateway_payment_id", "order_id", "state", "settles")
ACCESS = ("buyer_id", "note_id", "reference")
EVENT = ("pk", "event_id", "event", "state")


def _refunds() -> Iterator[OurRefund]:
    for refund in Refund.objects.select_related("payment"):
        yield OurRefund(
            key=refund.idempotency_key,
            payment_id=refund.payment.gateway_payment_id,
            state=refund.state,
            amount_paise=refund.amount_paise,
            why=refund.why,
            gateway_refund_id=refund.gateway_refund_id,
            request_id=refund.request_id,
        )


def _failed_jobs() -> Iterator[OurJob]:
    """Without those of the schedule: their next run does their work."""
    failed = ProcrastinateJob.objects.filter(status="failed")
    for task, arguments in failed.values_list("task_name", "args"):
        if not PERIODIC & arguments.keys():
            yield OurJob(task, _subject(arguments))


def _subject(arguments: Mapping[str, Any]) -> str:
    return json.dumps({k: v for k, v in arguments.items() if k not in PASSING}, sort_keys=True)
