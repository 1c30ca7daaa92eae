"""What a refund would be, before anybody asks for it: the server's arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notes import access
from payments.models import Order, RefundRequest
from payments.refund_requests import rules
from payments.refund_requests.sale import Line, Sale
from payments.selectors import OrderNotFound
from payments.states import Decider


class NoteNotInOrder(OrderNotFound):
    message = "There is no such note in this order."


@dataclass(frozen=True)
class Quote:
    """`deciders` says who would decide each line by itself, `decider` all of them together;
    None where nothing can be asked for."""

    sale: Sale
    lines: Sequence[Line]
    decider: Decider | None
    deciders: Sequence[Decider | None]

    @property
    def amount_paise(self) -> int:
        return sum(line.amount_paise for line in self.lines)

    @property
    def parts(self) -> list[int]:
        """Of all lines: sellers' shares, commission without its tax, tax."""
        return [sum(line.parts[column] for line in self.lines) for column in range(3)]


def quote_for_buyer(
    *, order_id: UUID, buyer_id: UUID, wanted: Mapping[UUID, int | None] | None, now: datetime
) -> Quote:
    """For notes of one's own order (None: all of them), each with an amount or None for all
    that is left. Raises OrderNotFound, NoteNotInOrder."""
    order = Order.objects.filter(pk=order_id, buyer_id=buyer_id).first()
    if order is None:
        raise OrderNotFound
    sale = _sale(order)
    lines = sale.lines(by_item(sale, wanted), now=now, by_buyer=True)
    return _quote(sale, lines, now)


def quote_for_staff(*, order_id: UUID, wanted: Mapping[UUID, int], now: datetime) -> Quote:
    """For lines by their ids, without a time limit."""
    sale = _sale(Order.objects.get(pk=order_id))
    return _quote(sale, sale.lines(wanted, now=now, by_buyer=False), now)


def quote_request(*, request: RefundRequest, now: datetime) -> Quote:
    """What a request asks for, as it could be given back now."""
    wanted = dict(request.lines.values_list("item_id", "amount_paise"))
    return quote_for_staff(order_id=request.order_id, wanted=wanted, now=now)


def by_item(sale: Sale, wanted: Mapping[UUID, int | None] | None) -> dict[UUID, int | None]:
    """Wishes by note as wishes by line. Raises NoteNotInOrder."""
    if wanted is None:
        return dict.fromkeys(item.pk for item in sale.items)
    items = {item.note_id: item.pk for item in sale.items}
    if not wanted.keys() <= items.keys():
        raise NoteNotInOrder
    return {items[note_id]: amount for note_id, amount in wanted.items()}


def _sale(order: Order) -> Sale:
    return Sale(order, order.payments.filter(settles=True).first())


def _quote(sale: Sale, lines: list[Line], now: datetime) -> Quote:
    unread, before = access.unread([line.item.pk for line in lines]), sale.approved_paise()

    def decider(some: Sequence[Line]) -> Decider | None:
        asked = [line for line in some if not line.refusal]
        total = before + sum(line.amount_paise for line in asked)
        is_large = total > rules.ALONE_UP_TO_PAISE
        return (
            rules.decider_of(lines=asked, unread=unread, is_large=is_large, sale=sale, now=now)
            if asked
            else None
        )

    return Quote(sale, lines, decider(lines), [decider([line]) for line in lines])
