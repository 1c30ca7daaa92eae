"""Reads of orders, and what the buyer should do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.urls import reverse

from notes.models import NoteAccess
from notevault.db.prepared import Each, statement
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
Rows = QuerySet[Any, Any]

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


def list_orders(buyer_id: Any) -> Rows:
    rows: Rows = Order.objects.filter(buyer_id=buyer_id).values(
        *_ORDER, bulk_discount_paise=_IN_BULK, coupon_code=F("coupon__code")
    )
    return rows


def get_order(*, order_id: UUID, buyer_id: UUID) -> Row:
    """The buyer's own order, complete. Raises OrderNotFound for others'."""
    found = statement(_order, ("order_id", "buyer_id")).rows(order_id=order_id, buyer_id=buyer_id)
    if not found:
        raise OrderNotFound
    return complete(found)[0]


def _order(order_id: Any, buyer_id: Any) -> Rows:
    return list_orders(buyer_id).filter(pk=order_id)


def complete(rows: list[Row]) -> list[Row]:
    """Add items and next action to order rows: four queries for any number of rows."""
    ids = [row["id"] for row in rows]
    items, payments = _by_order(_read(_items, ids)), _by_order(_read(_payments, ids))
    refunding = {row["payment__order_id"] for row in _read(_refunds_under_way, ids)}
    invoices = {row["order_id"]: _invoice(row) for row in _read(_invoices, ids)}
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


def _read(build: Callable[[], Rows], ids: list[UUID]) -> list[Row]:
    """Of these orders. A page of them, and a buyer who waits, ask for this all the time."""
    return statement(build, ()).rows(ids=ids) if ids else []


_THESE = Each("ids")


def _items() -> Rows:
    lines: Rows = OrderItem.objects.filter(order_id__in=_THESE)
    return lines.values(*_ITEM, bulk_discount_paise=_IN_BULK, is_readable=_READABLE)


def _payments() -> Rows:
    return Payment.objects.filter(order_id__in=_THESE).values("order_id", "state")


def _refunds_under_way() -> Rows:
    states = [RefundState.REQUESTED, RefundState.PENDING]
    owed = Refund.objects.filter(payment__order_id__in=_THESE, state__in=states)
    return owed.values("payment__order_id")


def _invoices() -> Rows:
    issued = Invoice.objects.filter(order_id__in=_THESE, kind=InvoiceKind.INVOICE)
    return issued.values("order_id", "number", "issued_at")


def _invoice(row: Row) -> Row:
    path = reverse("payments:invoice", args=[row["order_id"]])
    return {
        "number": row["number"],
        "issued_at": row["issued_at"],
        "url": f"{settings.PUBLIC_API_URL}{path}",
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
    return bool(statement(_decided, ("order_id",)).rows(order_id=order_id))


def _decided(order_id: Any) -> Rows:
    quarantined = Q(payments__state=PaymentState.QUARANTINED)
    closed = ~Q(state__in=OPEN_ORDER)
    return Order.objects.filter(quarantined | closed, pk=order_id).values("pk")[:1]
