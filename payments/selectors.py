"""Reads of orders, and what the buyer should do next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from notes.models import NoteAccess
from notevault.kit.errors import DomainError
from notevault.kit.pagination import Sort
from payments.gateways import get_gateway
from payments.models import RECEIPT_PREFIX, Invoice, Order, OrderItem, Payment, Refund
from payments.states import (
    OPEN_ORDER,
    InvoiceKind,
    ItemOutcome,
    OrderState,
    PaymentState,
    RefundState,
)

Row = dict[str, Any]

NEWEST = Sort("created_at")
UNDECIDED = ("pay", "wait")

_ORDER = (
    "id",
    "state",
    "currency",
    "subtotal_paise",
    "discount_paise",
    "coupon_discount_paise",
    "total_paise",
    "gateway_order_id",
    "created_at",
    "expires_at",
    "paid_at",
    "billing_name",
    "billing_state",
)
_ITEM = (
    "order_id",
    "note_id",
    "title",
    "price_paise",
    "discount_paise",
    "coupon_discount_paise",
    "paid_paise",
    "outcome",
)
_IN_BULK = F("discount_paise") - F("coupon_discount_paise")
# Not shown: a line whose whole price goes back gives no download any more.
_SUSPENDED = NoteAccess.objects.filter(reference=OuterRef("pk"), suspended_at__isnull=False)
_READABLE = Q(outcome=ItemOutcome.GRANTED) & ~Exists(_SUSPENDED)
_HIDDEN = {"order_id", "is_readable"}


class OrderNotFound(DomainError):
    code = "not_found"
    message = "There is no such order."


def list_orders(buyer_id: UUID) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = Order.objects.filter(buyer_id=buyer_id).values(
        *_ORDER, bulk_discount_paise=_IN_BULK, coupon_code=F("coupon__code")
    )
    return rows


def get_order(*, order_id: UUID, buyer_id: UUID) -> Row:
    """The buyer's own order, complete. Raises OrderNotFound for others'."""
    row: Row | None = list_orders(buyer_id).filter(pk=order_id).first()
    if row is None:
        raise OrderNotFound
    return complete([row])[0]


def complete(rows: list[Row]) -> list[Row]:
    """Add items and next action to order rows: four queries for any number of rows."""
    ids = [row["id"] for row in rows]
    lines_of = OrderItem.objects.filter(order_id__in=ids)
    found = lines_of.values(*_ITEM, bulk_discount_paise=_IN_BULK, is_readable=_READABLE)
    items = _by_order(found)
    payments = _by_order(Payment.objects.filter(order_id__in=ids).values("order_id", "state"))
    owed = Refund.objects.filter(
        payment__order_id__in=ids, state__in=[RefundState.REQUESTED, RefundState.PENDING]
    )
    invoices = _invoices_of(ids)
    refunding = set(owed.values_list("payment__order_id", flat=True))
    for row in rows:
        lines = items.get(row["id"], [])
        states = {payment["state"] for payment in payments.get(row["id"], [])}
        row["items"] = [{k: v for k, v in line.items() if k not in _HIDDEN} for line in lines]
        row["next_action"] = next_action(
            row["state"],
            payment_states=states,
            has_access=any(line["is_readable"] for line in lines),
            is_refunding=row["id"] in refunding,
        )
        name, state = row.pop("billing_name"), row.pop("billing_state")
        row["billing"] = {"name": name, "state": state} if state else None
        row["invoice"] = invoices.get(row["id"])
        row["checkout"] = _checkout(row) if row["next_action"] == "pay" else None
    return rows


def _invoices_of(order_ids: list[UUID]) -> dict[UUID, Row]:
    issued = Invoice.objects.filter(order_id__in=order_ids, kind=InvoiceKind.INVOICE)
    return {
        order_id: {
            "number": number,
            "issued_at": issued_at,
            "url": f"{settings.PUBLIC_API_URL}{reverse('payments:invoice', args=[order_id])}",
        }
        for order_id, number, issued_at in issued.values_list("order_id", "number", "issued_at")
    }


def next_action(
    state: str, *, payment_states: set[str], has_access: bool, is_refunding: bool
) -> str | None:
    """`pay`, `wait`, `download`, `contact_support`, or None when the order is over.

    A buyer whose payment is under way is told to wait, never to pay again.
    """
    if PaymentState.QUARANTINED in payment_states:
        return "contact_support"
    if state in (OrderState.PAID, OrderState.PARTIALLY_REFUNDED) and has_access:
        return "download"
    # A bank may still say yes to held money; an attempt that was only begun ends with its order.
    is_begun = PaymentState.CREATED in payment_states and state in OPEN_ORDER
    if is_refunding or is_begun or PaymentState.AUTHORIZED in payment_states:
        return "wait"
    if state == OrderState.AWAITING_PAYMENT:
        return "pay"
    if state == OrderState.CREATED:
        return "wait"
    if state == OrderState.PAID:
        return "contact_support"  # nothing was granted and no refund is under way
    return None


def _checkout(row: Row) -> Row:
    """What Razorpay Checkout is opened with."""
    gateway = get_gateway()
    return {
        "key_id": gateway.key_id,
        "gateway_order_id": row["gateway_order_id"],
        "amount_paise": row["total_paise"],
        "currency": row["currency"],
        "url": gateway.checkout_url(row["gateway_order_id"]),
    }


def _by_order(rows: Iterable[Any]) -> dict[UUID, list[Row]]:
    grouped: dict[UUID, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["order_id"], []).append(row)
    return grouped


def order_id_of_gateway_order(gateway_order_id: str) -> UUID | None:
    found = Order.objects.filter(gateway_order_id=gateway_order_id)
    return found.values_list("pk", flat=True).first()


def order_id_of_receipt(receipt: str) -> UUID | None:
    """Our order behind a receipt at the gateway; None for a receipt that is not ours.

    Raises OrderNotFound for a receipt of ours without its order.
    """
    if not receipt.startswith(RECEIPT_PREFIX):
        return None
    try:
        order_id = UUID(hex=receipt.removeprefix(RECEIPT_PREFIX))
    except ValueError:
        return None
    if not Order.objects.filter(pk=order_id).exists():
        raise OrderNotFound
    return order_id


def is_decided(order_id: UUID) -> bool:
    """False while the buyer can only pay or wait; one query, for looking again and again."""
    quarantined = Q(payments__state=PaymentState.QUARANTINED)
    closed = ~Q(state__in=OPEN_ORDER)
    return Order.objects.filter(quarantined | closed, pk=order_id).exists()
