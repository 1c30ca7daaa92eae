"""`settle_payment`: the only door through which money becomes access.

Verify, webhooks and sweepers all call it with what the gateway says of a payment. It may
be called any number of times, in any order, with old news or new.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from alerts.models import Severity
from alerts.services import raise_alert, resolve_alert
from notevault.kit import crash
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments import fulfilment, instruments, locks, mails, refunds
from payments.gateways.base import GatewayPayment
from payments.ledger import journal
from payments.models import Order, Payment
from payments.states import OrderState, PaymentState

log = structlog.get_logger("notevault.settlement")

# What the gateway has not taken by itself after this long is taken by us.
CAPTURE_AFTER = timedelta(seconds=10)
FINAL = (PaymentState.CAPTURED, PaymentState.QUARANTINED, PaymentState.REFUNDED)


class PaymentMismatch(DomainError):
    code = "payment_mismatch"
    message = "This payment was made for another order."


class PaymentNotQuarantined(DomainError):
    code = "payment_not_quarantined"
    message = "This payment does not wait in quarantine."


@use_case
def settle_payment(*, order_id: UUID, payment: GatewayPayment, source: str, now: datetime) -> Order:
    """Record what the gateway says of a payment, and fulfil the order once it is captured.

    Afterwards a captured payment has been turned into accesses or a refund under way; one
    whose amount or currency differs from the order's is in quarantine with a CRITICAL
    alert and has given no access. `source` (verify, webhook, …) goes into the history.
    Raises PaymentMismatch when the payment belongs to another order of ours.
    """
    order = locks.lock_order(order_id)
    row = _row_of(order, payment, now)
    if row.state not in FINAL:
        _follow(order, row, payment, source, now)
    crash.point("settlement.before_commit")
    return order


def _follow(
    order: Order, row: Payment, payment: GatewayPayment, source: str, now: datetime
) -> None:
    match payment.status:
        case "authorized":
            _authorize(row, source, now)
        case "failed":
            _advance(row, PaymentState.FAILED, source, now)
        case "captured":
            _capture(order, row, difference(order, payment), source, now)
        case "refunded":
            _take_in_returned(order, row, source, now)


def _row_of(order: Order, payment: GatewayPayment, now: datetime) -> Payment:
    if payment.order_id != order.gateway_order_id:
        _refuse_another_orders(payment)
    found = locks.lock_payment(payment.id)
    if found is not None and found.order_id != order.pk:
        raise PaymentMismatch
    row = found or Payment(order=order, gateway_payment_id=payment.id, created_at=now)
    if payment.refunded_paise > row.given_back_paise:
        refunds.hear_of_refunds(payment.id)
    if row.state not in FINAL:
        _take_over_details(row, payment)
    return row


def _refuse_another_orders(payment: GatewayPayment) -> None:
    if Order.objects.filter(gateway_order_id=payment.order_id).exists():
        raise PaymentMismatch


def _take_over_details(row: Payment, payment: GatewayPayment) -> None:
    details: dict[str, Any] = {
        "amount_paise": payment.amount_paise,
        "currency": payment.currency,
        "method": payment.method[:32],
        "fee_paise": payment.fee_paise,
        "tax_paise": payment.tax_paise,
        # What was given back in the gateway's dashboard before we heard of the payment.
        "given_back_paise": max(row.given_back_paise, payment.refunded_paise),
        "error_code": payment.error_code[:64],
        "error_description": payment.error_description[:255],
    }
    for name, value in details.items():
        setattr(row, name, value)
    row.save(update_fields=None if row._state.adding else list(details))


def _advance(row: Payment, to: PaymentState, source: str, now: datetime) -> bool:
    """Go there if it is forward; old news changes nothing, and gives False."""
    if row.state == to or not row.can_move(to):
        return False
    return row.move(to, why=f"told by {source}", now=now)


def _authorize(row: Payment, source: str, now: datetime) -> None:
    """The money is held, not taken. The gateway takes it at once or not at all: look again."""
    if _advance(row, PaymentState.AUTHORIZED, source, now):
        jobs.defer("payments.tasks.capture_held", delay=CAPTURE_AFTER, order_id=str(row.order_id))


def _take_in_returned(order: Order, row: Payment, source: str, now: datetime) -> None:
    """Given back by the gateway before we ever fulfilled it: nothing is owed or granted."""
    _advance(row, PaymentState.REFUNDED, source, now)
    fulfilment.close_returned(order, now=now)
    journal.record_unearned(payment=row, why="it came and went", now=now)


def _capture(order: Order, row: Payment, difference: str, source: str, now: datetime) -> None:
    if difference:
        _quarantine(order, row, difference, now)
        return
    _settle(order, row, why=f"told by {source}", source=source, now=now, actor_id=None)


@use_case
def accept_quarantined(*, payment_id: UUID, actor_id: UUID, now: datetime) -> Order:
    """Staff take a payment as it is, and the order is fulfilled with it.

    Raises PaymentNotQuarantined, PaymentMismatch for one in another currency.
    """
    found = locks.lock_payment_with_order(pk=payment_id)
    if found is None:
        raise PaymentNotQuarantined
    order, row = found
    if row.state != PaymentState.QUARANTINED or row.given_back_paise or row.disputed_paise:
        raise PaymentNotQuarantined
    if row.currency != order.currency:
        raise PaymentMismatch(f"It was paid in {row.currency}: give it back instead.")
    _settle(order, row, why="accepted by staff", source="staff", now=now, actor_id=actor_id)
    resolve_alert(dedupe_key=row.quarantine_key, now=now, why="accepted by staff")
    return order


def _settle(
    order: Order, row: Payment, *, why: str, source: str, now: datetime, actor_id: UUID | None
) -> None:
    was_captured = row.state == PaymentState.QUARANTINED or row.given_back_paise > 0
    is_first = not Payment.objects.filter(order=order, settles=True).exists()
    row.move(
        PaymentState.CAPTURED,
        why=why,
        now=now,
        actor_id=actor_id,
        captured_at=row.captured_at or now,
        settles=is_first,
    )
    if not is_first:
        journal.record_unearned(payment=row, why="a second payment of one order", now=now)
        _give_back(row, row.amount_paise, "a second payment of one order", now)
        return
    lines = fulfilment.fulfil(order=order, now=now)
    order.move(
        OrderState.PAID,
        why=f"payment captured, {why}",
        now=now,
        actor_id=actor_id,
        paid_at=now,
    )
    to_give_back = sum(line.paid_paise for line in lines.lost)
    _give_back(row, to_give_back, "the note could not be granted", now)
    for overtaken_id in fulfilment.overtaken_orders(order):
        jobs.defer("payments.tasks.close_overtaken_order", order_id=str(overtaken_id))
    jobs.defer("payments.tasks.issue_invoice", order_id=str(order.pk))
    mails.tell_of_sale(order_id=order.pk)
    journal.record_sale(
        order=order, payment=row, granted=lines.granted, was_captured=was_captured, now=now
    )
    if was_captured:
        refunds.take_from_sale(order=order, payment=row, now=now)
    instruments.count_settlement(source=source, amount_paise=row.amount_paise)
    log.info("order.settled", order_id=str(order.pk), why=why, given_back=to_give_back)


def _give_back(row: Payment, amount_paise: int, why: str, now: datetime) -> None:
    owed = min(amount_paise, row.amount_paise - row.given_back_paise)
    if owed:
        refunds.give_back(payment=row, amount_paise=owed, why=why, now=now, lines={})


def difference(order: Order, payment: GatewayPayment) -> str:
    """In words, how a payment differs from what its order asks for; empty if it does not."""
    if payment.order_id != order.gateway_order_id:
        return f"paid for {payment.order_id}, not {order.gateway_order_id}"
    if payment.currency != order.currency:
        return f"paid in {payment.currency}, not {order.currency}"
    if payment.amount_paise != order.total_paise:
        return f"paid {payment.amount_paise} paise, not {order.total_paise}"
    return ""


def _quarantine(order: Order, row: Payment, difference: str, now: datetime) -> None:
    row.move(PaymentState.QUARANTINED, why=difference, now=now, captured_at=now)
    journal.record_unearned(payment=row, why=difference, now=now)
    raise_alert(
        kind="payments.quarantined",
        severity=Severity.CRITICAL,
        message=f"A captured payment does not match its order: {difference}.",
        metadata={"order_id": str(order.pk), "payment_id": row.gateway_payment_id},
        dedupe_key=row.quarantine_key,
        now=now,
    )
