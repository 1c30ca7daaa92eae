"""The gateway's payments of a day against ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from uuid import UUID

from payments import selectors
from payments.gateways.base import GatewayPayment, GatewayRejected
from payments.models import Payment
from payments.reconciliation import books, comparison, cures
from payments.reconciliation.desk import Day


class Foreign(Exception):
    """The payment was made for another product of the same gateway account."""


def compare_payments(day: Day) -> None:
    """Both ways: what the gateway lists and we lack, and what we hold and it does not list."""
    seen: set[str] = set()
    for batch in books.batches(
        day.gateway.list_payments(start=day.window.start, end=day.window.end)
    ):
        seen.update(payment.id for payment in batch)
        compare_batch(day, batch)
    day.desk.tally.payments += len(seen)
    for row in books.payments_unseen(day.window, seen):
        _look_up(day, row)
    for row in books.second_payments(day.window):
        day.take(comparison.kept_twice(row))


def compare_batch(day: Day, batch: Sequence[GatewayPayment]) -> None:
    ours = books.payments_by_id(payment.id for payment in batch)
    orders = books.order_ids(payment.order_id for payment in batch if payment.id not in ours)
    _learn_fees(day, batch, ours)
    for payment in batch:
        row = ours.get(payment.id)
        finding = comparison.compare_payment(row, payment)
        if finding is None:
            continue
        if not finding.is_behind:
            day.take(finding)
            continue
        try:
            order_id = row.order_id if row else order_of(day, payment, orders)
        except Foreign:
            day.note_foreign()
        else:
            day.take(finding, cure=_settling(day, payment, order_id))


def order_of(day: Day, payment: GatewayPayment, known: Mapping[str, UUID]) -> UUID | None:
    """Our order, by the gateway's id of it, else by its receipt there.

    None when the receipt is ours and the order is not. Raises Foreign.
    """
    if payment.order_id in known:
        return known[payment.order_id]
    if not payment.order_id:
        raise Foreign
    try:
        receipt = day.gateway.get_order(payment.order_id).receipt
        order_id = selectors.order_id_of_receipt(receipt)
    except (GatewayRejected, selectors.OrderNotFound):
        return None
    if order_id is None:
        raise Foreign
    return order_id


def _settling(day: Day, payment: GatewayPayment, order_id: UUID | None) -> partial[str] | None:
    if order_id is None:
        return None
    return partial(cures.settle, payment=payment, order_id=order_id, now=day.desk.now)


def _learn_fees(day: Day, batch: Sequence[GatewayPayment], ours: Mapping[str, Payment]) -> None:
    """The fee is known only some time after the capture."""
    learnt = []
    for payment in batch:
        row = ours.get(payment.id)
        if row is not None and row.fee_paise is None and payment.fee_paise is not None:
            row.fee_paise, row.tax_paise = payment.fee_paise, payment.tax_paise
            learnt.append(row)
    day.desk.complete(learnt, "fee_paise", "tax_paise")


def _look_up(day: Day, row: Payment) -> None:
    """Heard of on one day, made on the day before; or really unknown over there."""
    try:
        payment = day.gateway.get_payment(row.gateway_payment_id)
    except GatewayRejected:
        day.take(comparison.missing_there(row, gateway_id=row.gateway_payment_id))
    else:
        compare_batch(day, [payment])
