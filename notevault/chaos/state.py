"""The gateway's books beside ours, as plain values: what the referee judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from payments.gateways.base import GatewayOrder, GatewayPayment, GatewayRefund

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True)
class GatewayEvent:
    id: str
    event: str
    is_acknowledged: bool


@dataclass(frozen=True)
class OurOrder:
    id: UUID
    state: str
    total_paise: int
    currency: str
    gateway_order_id: str | None


@dataclass(frozen=True)
class OurLine:
    id: UUID
    order_id: UUID
    paid_paise: int


@dataclass(frozen=True)
class OurPayment:
    """`id` is the gateway's."""

    id: str
    order_id: UUID
    state: str
    settles: bool


@dataclass(frozen=True)
class OurRefund:
    """`key` is the receipt under which the gateway knows it, if we asked for it."""

    key: str
    payment_id: str
    state: str
    amount_paise: int
    why: str
    gateway_refund_id: str | None


@dataclass(frozen=True)
class OurAccess:
    """A live one."""

    buyer_id: UUID
    note_id: UUID
    line_id: UUID


@dataclass(frozen=True)
class OurEvent:
    id: str
    event_id: str
    event: str
    state: str


@dataclass(frozen=True)
class OurJob:
    """One that failed for good, or a dead letter; `subject` is its arguments in one text."""

    task: str
    subject: str


@dataclass(frozen=True)
class Promises:
    """What buyers were told in answers of success: order ids."""

    orders: frozenset[str] = frozenset()
    paid: frozenset[str] = frozenset()


@dataclass(frozen=True)
class State:
    """Lists of both sides. The indexes are made once, when first asked for."""

    gateway_orders: list[GatewayOrder] = field(default_factory=list)
    gateway_payments: list[GatewayPayment] = field(default_factory=list)
    gateway_refunds: list[GatewayRefund] = field(default_factory=list)
    gateway_events: list[GatewayEvent] = field(default_factory=list)
    orders: list[OurOrder] = field(default_factory=list)
    lines: list[OurLine] = field(default_factory=list)
    payments: list[OurPayment] = field(default_factory=list)
    refunds: list[OurRefund] = field(default_factory=list)
    accesses: list[OurAccess] = field(default_factory=list)
    events: list[OurEvent] = field(default_factory=list)
    failed_jobs: list[OurJob] = field(default_factory=list)
    letters: list[OurJob] = field(default_factory=list)
    open_letters: list[OurJob] = field(default_factory=list)
    promises: Promises = field(default_factory=Promises)

    @cached_property
    def order_by_id(self) -> dict[UUID, OurOrder]:
        return {order.id: order for order in self.orders}

    @cached_property
    def payment_by_id(self) -> dict[str, OurPayment]:
        return {payment.id: payment for payment in self.payments}

    @cached_property
    def order_by_gateway_id(self) -> dict[str, OurOrder]:
        return {order.gateway_order_id: order for order in self.orders if order.gateway_order_id}

    @cached_property
    def gateway_refunds_of(self) -> dict[str, list[GatewayRefund]]:
        """Those not failed, by payment."""
        made = [refund for refund in self.gateway_refunds if refund.status != "failed"]
        return _grouped(made, lambda refund: refund.payment_id)

    @cached_property
    def refunds_of(self) -> dict[str, list[OurRefund]]:
        return _grouped(self.refunds, lambda refund: refund.payment_id)

    @cached_property
    def kept_paise_of(self) -> dict[UUID, int]:
        """By order: what was paid for its lines that the buyer may read now."""
        live = {access.line_id for access in self.accesses}
        kept: dict[UUID, int] = defaultdict(int)
        for line in self.lines:
            kept[line.order_id] += line.paid_paise if line.id in live else 0
        return kept


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
