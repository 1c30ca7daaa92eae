"""`settle_payment`: the only door through which money becomes access.

Verify, webhooks and sweepers all call it with what the gateway says of a payment. It may
be called any number of times, in any order, with old news or new.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments import fulfilment, locks, refunds
from payments.gateways.base import GatewayPayment
from payments.models import Order, Payment
from payments.states import OPEN_ORDER, OrderState, PaymentState

log = structlog.get_logger("notevault.settlement")

FINAL = (PaymentState.CAPTURED, PaymentState.QUARANTINED, PaymentState.REFUNDED)


class PaymentMismatch(DomainError):
    code = "payment_mismatch"
    message = "This payment was made for another order."


@use_case
def settle_payment(*, order_id: UUID, payment: GatewayPayment, source: str, now: datetime) -> Order:
    """Record what the gateway says of a payment, and fulfil the order once it is captured.

    Afterwards a captured payment has been turned into accesses or a refund under way; one
    whose amount or currency differs from the order's is in quarantine with a CRITICAL
    alert and has given no access. `source` (verify, webhook, …) goes into the history.
    Raises PaymentMismatch when the payment belongs to another order.
    """
    order = locks.lock_order(order_id)
    if payment.order_id != order.gateway_order_id:
        raise PaymentMismatch
    row = _row_of(order, payment, now)
    if row.state in FINAL:
        return order
    _take_over_details(row, payment)
    match payment.status:
        case "authorized":
            _advance(row, PaymentState.AUTHORIZED, source, now)
        case "failed":
            _advance(row, PaymentState.FAILED, source, now)
        case "captured":
            _capture(order, row, source, now)
        case "refunded":
            _take_in_returned(order, row, source, now)
    return order


def _row_of(order: Order, payment: GatewayPayment, now: datetime) -> Payment:
    found = locks.lock_payment(payment.id)
    if found is None:
        return Payment.objects.create(
            order=order,
            gateway_payment_id=payment.id,
            amount_paise=payment.amount_paise,
            currency=payment.currency,
            created_at=now,
        )
    if found.order_id != order.pk:
        raise PaymentMismatch
    return found


def _take_over_details(row: Payment, payment: GatewayPayment) -> None:
    details: dict[str, Any] = {
        "amount_paise": payment.amount_paise,
        "currency": payment.currency,
        "method": payment.method[:32],
        "fee_paise": payment.fee_paise,
        "tax_paise": payment.tax_paise,
        # What was given back in the gateway's dashboard before we heard of the payment.
        "given_back_paise": payment.refunded_paise,
        "error_code": payment.error_code[:64],
        "error_description": payment.error_description[:255],
    }
    for name, value in details.items():
        setattr(row, name, value)
    row.save(update_fields=list(details))


def _advance(row: Payment, to: PaymentState, source: str, now: datetime) -> None:
    """Go there if it is forward; old news changes nothing."""
    if row.state != to and row.can_move(to):
        row.move(to, why=f"told by {source}", now=now)


def _take_in_returned(order: Order, row: Payment, source: str, now: datetime) -> None:
    """Given back by the gateway before we ever fulfilled it: nothing is owed or granted."""
    _advance(row, PaymentState.REFUNDED, source, now)
    if order.state in OPEN_ORDER:
        order.move(OrderState.FAILED, why="the gateway gave the payment back", now=now)
        fulfilment.release_holds(order)


def _capture(order: Order, row: Payment, source: str, now: datetime) -> None:
    difference = _difference(order, row)
    if difference:
        _quarantine(order, row, difference, now)
        return
    is_first = not Payment.objects.filter(order=order, settles=True).exists()
    row.move(
        PaymentState.CAPTURED,
        why=f"told by {source}",
        now=now,
        captured_at=now,
        settles=is_first,
    )
    if not is_first:
        _give_back(row, row.amount_paise, "a second payment of one order", now)
        return
    lost = fulfilment.fulfil(order=order, now=now)
    order.move(OrderState.PAID, why=f"payment captured, told by {source}", now=now, paid_at=now)
    to_give_back = sum(line.paid_paise for line in lost)
    _give_back(row, to_give_back, "the note could not be granted", now)
    for overtaken_id in fulfilment.overtaken_orders(order):
        jobs.defer("payments.tasks.close_overtaken_order", order_id=str(overtaken_id))
    log.info("order.settled", order_id=str(order.pk), source=source, given_back=to_give_back)


def _give_back(row: Payment, amount_paise: int, why: str, now: datetime) -> None:
    owed = min(amount_paise, row.amount_paise - row.given_back_paise)
    if owed:
        refunds.give_back(payment=row, amount_paise=owed, why=why, now=now)


def _difference(order: Order, row: Payment) -> str:
    if row.currency != order.currency:
        return f"paid in {row.currency}, not {order.currency}"
    if row.amount_paise != order.total_paise:
        return f"paid {row.amount_paise} paise, not {order.total_paise}"
    return ""


def _quarantine(order: Order, row: Payment, difference: str, now: datetime) -> None:
    row.move(PaymentState.QUARANTINED, why=difference, now=now, captured_at=now)
    raise_alert(
        kind="payments.quarantined",
        severity=Severity.CRITICAL,
        message=f"A captured payment does not match its order: {difference}.",
        metadata={"order_id": str(order.pk), "payment_id": row.gateway_payment_id},
        dedupe_key=f"quarantine:{row.gateway_payment_id}",
        now=now,
    )
