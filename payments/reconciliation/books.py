"""Our rows, fetched and completed in batches: no query per row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import F, Q

from ops.transactions import use_case
from payments.gateways.base import GatewayRefund
from payments.ledger import bank
from payments.models import Dispute, Order, Payment, Refund
from payments.reconciliation.windows import Window
from payments.states import TAKEN, PaymentState, RefundState

T = TypeVar("T")
BATCH = 500


def batches(rows: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def payments_by_id(gateway_ids: Iterable[str]) -> dict[str, Payment]:
    found = Payment.objects.filter(gateway_payment_id__in=list(gateway_ids))
    return {row.gateway_payment_id: row for row in found}


def refunds_by_id(gateway_ids: Iterable[str]) -> dict[str, Refund]:
    found = Refund.objects.filter(gateway_refund_id__in=list(gateway_ids))
    found = found.select_related("payment")
    return {str(row.gateway_refund_id): row for row in found}


def refunds_by_reply(replies: Collection[GatewayRefund]) -> dict[str, Refund]:
    """By the gateway's id, also those of ours that do not know it yet but sent the key."""
    ids = [reply.id for reply in replies]
    keys = {key: reply.id for reply in replies if (key := as_uuid(reply.receipt))}
    found = Refund.objects.filter(Q(gateway_refund_id__in=ids) | Q(pk__in=list(keys)))
    return {row.gateway_refund_id or keys[row.pk]: row for row in found}


def disputes_by_id(gateway_ids: Iterable[str]) -> dict[str, Dispute]:
    found = Dispute.objects.filter(gateway_dispute_id__in=list(gateway_ids))
    return {row.gateway_dispute_id: row for row in found}


def order_ids(gateway_order_ids: Iterable[str]) -> dict[str, UUID]:
    found = Order.objects.filter(gateway_order_id__in=list(gateway_order_ids))
    return {str(name): pk for name, pk in found.values_list("gateway_order_id", "pk")}


def payments_unseen(window: Window, seen: set[str]) -> Iterator[Payment]:
    """Ours of the window that moved money and that the gateway's list did not have."""
    made = Payment.objects.filter(_within("created_at", window), state__in=TAKEN)
    ids = [i for i in made.values_list("gateway_payment_id", flat=True) if i not in seen]
    for batch in batches(ids):
        yield from Payment.objects.filter(gateway_payment_id__in=batch)


def refunds_unseen(window: Window, seen: set[UUID]) -> Iterator[Refund]:
    """Ours of the window, failed ones apart, that the gateway's list did not have."""
    made = Refund.objects.filter(_within("created_at", window)).exclude(state=RefundState.FAILED)
    ids = [pk for pk in made.values_list("pk", flat=True) if pk not in seen]
    for batch in batches(ids):
        yield from Refund.objects.filter(pk__in=batch).select_related("payment")


def second_payments(window: Window) -> Iterator[Payment]:
    """Captured for an order that was paid already, and not given back in full."""
    yield from Payment.objects.filter(
        _within("created_at", window),
        state=PaymentState.CAPTURED,
        settles=False,
        given_back_paise__lt=F("amount_paise"),
    )


def unsettled_payments(*, start: datetime, end: datetime) -> Iterator[Payment]:
    captured = Payment.objects.filter(captured_at__gte=start, captured_at__lt=end, settled_at=None)
    for batch in batches(captured.values_list("pk", flat=True)):
        yield from Payment.objects.filter(pk__in=batch)


def complete(
    rows: Sequence[Payment | Refund | Dispute],
    fields: Collection[str],
    *,
    settled: Mapping[UUID, int],
    now: datetime,
) -> None:
    """Write these columns of rows that have learnt something, and what the ledger learns of it.

    `settled` has what reached the bank account for a row, in paise.
    """
    if rows:
        ordered = sorted(rows, key=lambda row: row.pk)
        _write(rows=ordered, fields=fields, settled=settled, now=now)


@use_case
def _write(
    *, rows: list[Any], fields: Collection[str], settled: Mapping[UUID, int], now: datetime
) -> None:
    """In the order of their ids, so that two runs do not lock each other out."""
    type(rows[0])._default_manager.bulk_update(rows, fields, batch_size=BATCH)
    bank.record_learnt(rows=rows, settled=settled, now=now)


def _within(column: str, window: Window) -> Q:
    return Q(**{f"{column}__gte": window.start, f"{column}__lt": window.end})


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(hex=text)
    except ValueError:
        return None
