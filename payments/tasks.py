"""Background work of the money."""

from __future__ import annotations

import contextlib
from datetime import date
from uuid import UUID

from notes.storage.port import StorageUnavailable
from notevault.kit import clock, crash
from ops import jobs
from ops.jobs import Retries, RetryLater, job, periodic
from payments import (
    checkout,
    disputes,
    escrow,
    fulfilment,
    idempotency,
    mails,
    polling,
    proofs,
    provenance,
    refund_requests,
    refunds,
    sweepers,
)
from payments.gateways.base import NO_ANSWER
from payments.invoices import issuing
from payments.reconciliation import runs
from payments.webhooks import handlers, silence

# Pauses double from a second to a quarter of an hour: about a day in all.
A_DAY = Retries(attempts=140, first_s=1, longest_s=900)
NEWS_MISSING = (
    provenance.OrderNotKnownYet,
    refunds.PaymentNotKnownYet,
    refunds.RefundsOverlap,
)


@job(queue="payments", retries=A_DAY, kind="webhook_event", is_urgent=True)
def handle_event(*, event_id: str) -> None:
    try:
        handlers.handle(event_id=UUID(event_id), now=clock.now())
    except (*NEWS_MISSING, *NO_ANSWER) as error:
        raise RetryLater(f"{type(error).__name__}: {error}") from error
    crash.point("settlement.committed")


@job(queue="payments", retries=A_DAY, kind="refund")
def send_refund(*, refund_id: str) -> None:
    try:
        refunds.send_refund(refund_id=UUID(refund_id), now=clock.now())
    except (*NEWS_MISSING, *NO_ANSWER) as error:
        raise RetryLater(f"{type(error).__name__}: {error}") from error


@job(queue="files", retries=A_DAY, kind="file")
def check_refunded_files(*, refund_request_id: str) -> None:
    try:
        refund_requests.check_files(request_id=UUID(refund_request_id), now=clock.now())
    except StorageUnavailable as error:
        raise RetryLater(error.detail) from error


@job(queue="payments", retries=A_DAY, kind="refund")
def take_in_refunds(*, gateway_payment_id: str) -> None:
    try:
        refunds.take_in_refunds(
            gateway_payment_id=gateway_payment_id, source="gateway poll", now=clock.now()
        )
    except (*NEWS_MISSING, *NO_ANSWER) as error:
        raise RetryLater(f"{type(error).__name__}: {error}") from error


@job(queue="payments", retries=A_DAY, kind="order", is_urgent=True)
def check_order(*, order_id: str) -> None:
    try:
        decided = polling.check_order(order_id=UUID(order_id), now=clock.now())
    except NO_ANSWER as error:
        raise RetryLater(error.detail) from error
    if not decided:
        raise RetryLater("the payment is neither captured nor failed yet")


@job(queue="payments", retries=A_DAY, kind="order")
def capture_held(*, order_id: str) -> None:
    try:
        decided = polling.capture_held(order_id=UUID(order_id), now=clock.now())
    except NO_ANSWER as error:
        raise RetryLater(error.detail) from error
    if not decided:
        raise RetryLater("the money is still only held")


@job(queue="payments", kind="order")
def close_overtaken_order(*, order_id: str) -> None:
    checkout.close_overtaken_order(order_id=UUID(order_id), now=clock.now())


@job(queue="payments", retries=A_DAY, kind="order")
def restore_kept(*, order_id: str) -> None:
    fulfilment.restore_kept(order_id=UUID(order_id), now=clock.now())


@job(queue="payments", retries=A_DAY, kind="invoice")
def issue_invoice(*, order_id: str) -> None:
    issuing.issue_invoice(order_id=UUID(order_id), now=clock.now())


@job(queue="payments", retries=A_DAY, kind="invoice")
def issue_credit_note(*, refund_id: str | None = None, dispute_id: str | None = None) -> None:
    """Of a refund or of a dispute: one of the two is named."""
    issuing.issue_credit_note(
        refund_id=UUID(refund_id) if refund_id else None,
        dispute_id=UUID(dispute_id) if dispute_id else None,
        now=clock.now(),
    )


@job(queue="payments", retries=A_DAY, kind="invoice")
def issue_debit_note(*, refund_id: str) -> None:
    issuing.issue_debit_note(refund_id=UUID(refund_id), now=clock.now())


@job(queue="mails", retries=A_DAY, kind="mail")
def mail_sale(*, order_id: str) -> None:
    mails.tell_each_of_sale(order_id=UUID(order_id))


@job(queue="mails", retries=A_DAY, kind="mail")
def mail_paid(*, payout_ids: list[str]) -> None:
    mails.tell_each_of_paid(payout_ids=[UUID(payout_id) for payout_id in payout_ids])


@job(queue="mails", retries=A_DAY, kind="mail")
def send_mail(*, kind: str, subject_id: str, recipient_id: str) -> None:
    try:
        mails.send(
            kind=mails.MailKind(kind),
            subject_id=UUID(subject_id),
            recipient_id=UUID(recipient_id),
        )
    except mails.MailNotSent as error:
        raise RetryLater(str(error)) from error


def _sweep(name: str) -> None:
    for _ in sweepers.sweep(name, now=clock.now()):
        pass


@periodic("* * * * * */10", queue="sweepers")
def sweep_unopened_orders() -> None:
    _sweep("unopened-orders")


@periodic("* * * * * */10", queue="sweepers")
def sweep_overdue_orders() -> None:
    _sweep("overdue-orders")


@periodic("* * * * * */10", queue="sweepers")
def sweep_unheard_payments() -> None:
    _sweep("unheard-payments")


@periodic("* * * * *", queue="sweepers")
def sweep_uncaptured_payments() -> None:
    _sweep("uncaptured-payments")


@periodic("* * * * *", queue="sweepers")
def sweep_owed_refunds() -> None:
    _sweep("owed-refunds")


@periodic("* * * * *", queue="sweepers")
def sweep_lost_events() -> None:
    _sweep("lost-events")


@periodic("23 * * * *", queue="sweepers")
def sweep_pending_refunds() -> None:
    _sweep("pending-refunds")


@periodic("*/10 * * * *", queue="sweepers")
def sweep_open_disputes() -> None:
    _sweep("open-disputes")


@periodic("7 * * * *", queue="sweepers")
def sweep_unanswered_disputes() -> None:
    _sweep("unanswered-disputes")


@periodic("37 * * * *", queue="sweepers")
def find_unheard_disputes() -> None:
    """A gateway that gives no answer is asked again in an hour."""
    with contextlib.suppress(*NO_ANSWER):
        disputes.find_unheard(now=clock.now())


@periodic("*/5 * * * *", queue="sweepers")
def watch_for_silence() -> None:
    silence.watch_silence(now=clock.now())


@periodic("7 * * * *", queue="payments")
def release_escrow() -> None:
    for _ in escrow.release_due(now=clock.now()):
        pass


@periodic("13 * * * *", queue="payments")
def remove_idempotency_keys() -> None:
    while idempotency.remove_expired():
        pass


@periodic("41 * * * *", queue="sweepers")
def prove_promises() -> None:
    proofs.prove_promises(now=clock.now())


@job(queue="payments", retries=A_DAY, kind="reconciliation")
def reconcile(*, start: str, end: str) -> None:
    """Days in ISO form, both included. Defer it with `once_per`: one run sees it all."""
    try:
        runs.reconcile_days(
            start=date.fromisoformat(start), end=date.fromisoformat(end), now=clock.now()
        )
    except NO_ANSWER as error:
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
