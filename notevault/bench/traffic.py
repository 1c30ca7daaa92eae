"""The requests of buyers, visitors and the gateway."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from typing import Any
from uuid import uuid4

from django.conf import settings

from notevault.bench.client import Reply, Request
from notevault.chaos.people import People, Person
from notevault.demo.processes import DemoFailed
from notevault.kit import clock
from payments.gateways.signatures import sign

API = "/api/v1"
SORTS = ("newest", "popular", "price_low", "price_high")


@dataclass(frozen=True)
class OpenOrder:
    """An order that waits for payment."""

    gateway_order_id: str
    total_paise: int
    authorization: str


class Traffic:
    """Each call gives new requests: no cart, order or event comes twice."""

    def __init__(self, people: People) -> None:
        self._carts = ((buyer, note) for note, buyer in product(people.notes, people.buyers))
        self._pages = cycle(_pages(people))
        self._open: list[OpenOrder] = []

    def catalogue(self, count: int) -> list[Request]:
        return [Request("GET", path) for path in islice(self._pages, count)]

    def orders(self, count: int) -> list[Request]:
        return [
            _money_post("/orders", {"note_ids": [str(note)]}, _bearer(buyer))
            for buyer, note in islice(self._carts, count)
        ]

    def take_in(self, requests: Sequence[Request], replies: Iterable[Reply]) -> None:
        """Remember the orders that these requests have opened."""
        for request, reply in zip(requests, replies, strict=True):
            if reply.status != 201:
                raise DemoFailed(f"An order was answered {reply.status}: {reply.body.decode()}")
            order = json.loads(reply.body)
            authorization = request.headers["Authorization"]
            self._open.append(
                OpenOrder(order["gateway_order_id"], order["total_paise"], authorization)
            )

    def verifications(self, count: int) -> list[Request]:
        """What buyers bring back from the gateway's checkout; takes so many open orders."""
        return [_verification(order) for order in self._taken(count)]

    def captured_events(self, count: int) -> list[Request]:
        """The gateway's news of payments; takes so many open orders."""
        return [_event("payment.captured", _payment_of(order)) for order in self._taken(count)]

    def other_events(self, count: int) -> list[Request]:
        """Of a product that we do not use: stored, and acknowledged by their jobs."""
        return [_event("invoice.paid", {"id": secrets.token_hex(7)}) for _ in range(count)]

    def _taken(self, count: int) -> list[OpenOrder]:
        taken, self._open = self._open[:count], self._open[count:]
        return taken


def _pages(people: People) -> Iterator[str]:
    """What a visitor looks at: lists, and a few notes of each."""
    for position, note in enumerate(people.notes):
        if position % 3 == 0:
            yield f"{API}/notes?sort={SORTS[position // 3 % len(SORTS)]}&limit=20"
        if position % 12 == 0:
            yield f"{API}/categories"
        yield f"{API}/notes/{note}"


def _bearer(buyer: Person) -> str:
    return f"Bearer {buyer.token}"


def _money_post(path: str, body: dict[str, Any], authorization: str) -> Request:
    headers = {
        "Content-Type": "application/json",
        "Authorization": authorization,
        "Idempotency-Key": str(uuid4()),
    }
    return Request("POST", f"{API}{path}", json.dumps(body).encode(), headers)


def _verification(order: OpenOrder) -> Request:
    payment_id = _new_payment_id()
    message = f"{order.gateway_order_id}|{payment_id}".encode()
    body = {
        "razorpay_order_id": order.gateway_order_id,
        "razorpay_payment_id": payment_id,
        "razorpay_signature": sign(message, secret=settings.RAZORPAY_KEY_SECRET),
    }
    return _money_post("/payments/verify", body, order.authorization)


def _new_payment_id() -> str:
    return f"pay_{secrets.token_hex(7)}"


def _payment_of(order: OpenOrder) -> dict[str, Any]:
    return {
        "id": _new_payment_id(),
        "entity": "payment",
        "order_id": order.gateway_order_id,
        "amount": order.total_paise,
        "currency": "INR",
        "status": "captured",
        "captured": True,
        "method": "upi",
        "amount_refunded": 0,
        "fee": order.total_paise // 50,
        "tax": 0,
        "created_at": int(clock.now().timestamp()),
    }


def _event(name: str, entity: dict[str, Any]) -> Request:
    envelope = {
        "entity": "event",
        "account_id": "acc_BFQ7uQEaa7j2z7",
        "event": name,
        "contains": ["payment"],
        "payload": {"payment": {"entity": entity}},
        "created_at": int(clock.now().timestamp()),
    }
    body = json.dumps(envelope).encode()
    headers = {
        "Content-Type": "application/json",
        "X-Razorpay-Event-Id": f"evt_{secrets.token_hex(7)}",
        "X-Razorpay-Signature": sign(body, secret=settings.RAZORPAY_WEBHOOK_SECRET),
    }
    return Request("POST", f"{API}/webhooks/razorpay", body, headers)
