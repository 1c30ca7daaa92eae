"""Background work of the money."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from notevault.kit import clock
from ops import jobs
from ops.jobs import Retries, RetryLater, job, periodic
from payments import checkout, refunds, verification
from payments.gateways.base import GatewayOutcomeUnknown, GatewayUnavailable
from payments.reconciliation import runs
from payments.webhooks import handlers

# Pauses double from a second to a quarter of an hour: about a day in all.
A_DAY = Retries(attempts=140, first_s=1, longest_s=900)


@job(queue="payments", retries=A_DAY)
def handle_event(*, event_id: str) -> None:
    try:
        handlers.handle(event_id=UUID(event_id), now=clock.now())
    except handlers.OrderNotKnownYet as error:
        raise RetryLater("the order is not known yet") from error


@job(queue="payments", retries=A_DAY)
def send_refund(*, refund_id: str) -> None:
    try:
        refunds.send_refund(refund_id=UUID(refund_id), now=clock.now())
    except (GatewayUnavailable, GatewayOutcomeUnknown) as error:
        raise RetryLater(error.detail) from error


@job(queue="payments", retries=A_DAY)
def check_order(*, order_id: str) -> None:
    try:
        decided = verification.check_order(order_id=UUID(order_id), now=clock.now())
    except (GatewayUnavailable, GatewayOutcomeUnknown) as error:
        raise RetryLater(error.detail) from error
    if not decided:
        raise RetryLater("the payment is neither captured nor failed yet")


@job(queue="payments")
def close_overtaken_order(*, order_id: str) -> None:
    checkout.close_overtaken_order(order_id=UUID(order_id), now=clock.now())


@periodic("* * * * *", queue="payments")
def expire_orders() -> None:
    while checkout.expire_orders(now=clock.now()):
        pass


@job(queue="payments", retries=A_DAY)
def reconcile(*, start: str, end: str) -> None:
    """Days in ISO form, both included. Defer it with `once_per`: one run sees it all."""
    try:
        runs.reconcile_days(
            start=date.fromisoformat(start), end=date.fromisoformat(end), now=clock.now()
        )
    except (GatewayUnavailable, GatewayOutcomeUnknown) as error:
        raise RetryLater(error.detail) from error


@periodic("40 21 * * *", queue="payments")
def reconcile_lately() -> None:
    """At 3:10 in India. A job of its own, which is repeated when the gateway is down."""
    start, end = runs.nightly_days(clock.now())
    jobs.defer(
        "payments.tasks.reconcile",
        once_per="reconcile-nightly",
        start=start.isoformat(),
        end=end.isoformat(),
    )
