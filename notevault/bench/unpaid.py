"""Orders that wait for their money, and the payments that will settle them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID

from django.db import transaction

from notes.models import Note
from notevault.accounts.models import User
from notevault.kit import clock, money
from notevault.kit.ids import uuid7
from payments import pricing, tax
from payments.gateways.base import GatewayPayment
from payments.models import Order, OrderItem
from payments.states import OrderState

PRICE_PAISE, PAGES = 9900, 80
# Each of a seller of its own, so that only the house's accounts are everybody's.
NOTES, BUYERS = 200, 100


@dataclass(frozen=True)
class Unpaid:
    id: UUID
    payment: GatewayPayment


def open_orders(*, count: int, lines: int) -> Iterator[Unpaid]:
    """So many orders of so many lines each, made at once; at most 2000 lines a buyer."""
    now = clock.now()
    notes = _make_notes(now)
    carts = [notes[start : start + lines] for start in range(0, NOTES, lines)]
    buyers = User.objects.filter(is_seller=False).order_by("pk")[:BUYERS]
    quote = pricing.quote([(PRICE_PAISE, PAGES)] * lines)
    made = []
    with transaction.atomic():
        for buyer, cart in list(product(buyers, carts))[:count]:
            made.append(_make_order(buyer, cart, quote, now))
    return iter(made)


def _make_notes(now: datetime) -> list[Note]:
    sellers = User.objects.bulk_create(
        User(email=f"contended{number}@example.com", name="S", is_seller=True)
        for number in range(NOTES)
    )
    category_id = Note.objects.values_list("category_id", flat=True)[0]
    return Note.objects.bulk_create(
        Note(
            seller=sellers[number],
            category_id=category_id,
            title=f"Contended {number}",
            description="A note of many orders.",
            price_paise=PRICE_PAISE,
            page_count=PAGES,
            created_at=now,
        )
        for number in range(NOTES)
    )


def _make_order(buyer: User, notes: list[Note], quote: pricing.Quote, now: datetime) -> Unpaid:
    order = Order.objects.create(
        buyer=buyer,
        state=OrderState.AWAITING_PAYMENT,
        subtotal_paise=quote.subtotal_paise,
        discount_paise=quote.discount_paise,
        total_paise=quote.total_paise,
        gateway_order_id=f"order_{uuid7().hex}",
        created_at=now,
        expires_at=now + timedelta(minutes=30),
    )
    pairs = zip(notes, quote.lines, strict=True)
    OrderItem.objects.bulk_create(_item(order, note, line) for note, line in pairs)
    return Unpaid(order.pk, _payment(order, now))


def _item(order: Order, note: Note, line: pricing.Line) -> OrderItem:
    return OrderItem(
        order=order,
        note=note,
        buyer_id=order.buyer_id,
        seller_id=note.seller_id,
        title=note.title,
        price_paise=line.price_paise,
        discount_paise=line.discount_paise,
        paid_paise=line.paid_paise,
        commission_bps=line.commission_bps,
        commission_paise=line.commission_paise,
        seller_share_paise=line.seller_share_paise,
        tax_paise=tax.tax_within(line.commission_paise, bps=tax.GST_RATES[0][1]),
    )


def _payment(order: Order, now: datetime) -> GatewayPayment:
    return GatewayPayment(
        id=f"pay_{uuid7().hex}",
        order_id=str(order.gateway_order_id),
        amount_paise=order.total_paise,
        currency=money.CURRENCY,
        status="captured",
        is_captured=True,
        method="upi",
        fee_paise=order.total_paise // 50,
        tax_paise=0,
        refunded_paise=0,
        error_code="",
        error_description="",
        created_at=now,
    )
