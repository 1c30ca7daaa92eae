"""The gateway's books beside ours, as plain values: what the referee judges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from notevault.chaos.banks import Transfer
from payments.gateways.base import GatewayDispute, GatewayOrder, GatewayPayment, GatewayRefund

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
    request_id: UUID | None = None


@dataclass(frozen=True)
class OurReversal:
    """What a refund, by our key, or a dispute, by the gateway's id, takes from a line now."""

    line_id: UUID
    amount_paise: int
    refund_key: str = ""
    dispute_id: str = ""


@dataclass(frozen=True)
class OurRequest:
    """`approvers` are the people who said yes."""

    id: UUID
    order_id: UUID
    state: str
    amount_paise: int
    decider: str
    approvers: frozenset[UUID]


@dataclass(frozen=True)
class OurDispute:
    """`id` is the gateway's, `key` grows with the time at which we heard of it, as the keys
    of refunds do."""

    id: str
    key: str
    payment_id: str
    state: str
    deducted_paise: int


@dataclass(frozen=True)
class OurPayout:
    """`code` is its name at the bank, whichever attempt; `balance_paise` is what it left
    of the available balance."""

    id: UUID
    code: str
    seller_id: UUID
    state: str
    amount_paise: int
    utr: str
    balance_paise: int


@dataclass(frozen=True)
class OurSeller:
    """By the ledger: what has ever left escrow, and what is on its way to the bank."""

    id: UUID
    released_paise: int
    in_transit_paise: int


@dataclass(frozen=True)
class OurCoupon:
    """How many orders have it, reserved or spent, and ever since they were placed."""

    code: str
    limit: int
    in_time: int


@dataclass(frozen=True)
class OurUse:
    order_id: UUID
    state: str


@dataclass(frozen=True)
class OurInvoice:
    series: str
    serial: int
    order_id: UUID
    kind: str


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
    """What people were told in answers of success: ids of orders, requests, payouts."""

    orders: frozenset[str] = frozenset()
    paid: frozenset[str] = frozenset()
    requests: frozenset[str] = frozenset()
    payouts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class State:
    """Lists of both sides. The indexes are made once, when first asked for."""

    gateway_orders: list[GatewayOrder] = field(default_factory=list)
    gateway_payments: list[GatewayPayment] = field(default_factory=list)
    gateway_refunds: list[GatewayRefund] = field(default_factory=list)
    gateway_disputes: list[GatewayDispute] = field(default_factory=list)
    gateway_events: list[GatewayEvent] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    orders: list[OurOrder] = field(default_factory=list)
    lines: list[OurLine] = field(default_factory=list)
    payments: list[OurPayment] = field(default_factory=list)
    refunds: list[OurRefund] = field(default_factory=list)
    reversals: list[OurReversal] = field(default_factory=list)
    requests: list[OurRequest] = field(default_factory=list)
    disputes: list[OurDispute] = field(default_factory=list)
    payouts: list[OurPayout] = field(default_factory=list)
    sellers: list[OurSeller] = field(default_factory=list)
    coupons: list[OurCoupon] = field(default_factory=list)
    uses: list[OurUse] = field(default_factory=list)
    invoices: list[OurInvoice] = field(default_factory=list)
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
    def lost_paise_of(self) -> dict[str, int]:
        """By payment: what the gateway took for disputes that were lost."""
        lost: dict[str, int] = defaultdict(int)
        for dispute in self.gateway_disputes:
            lost[dispute.payment_id] += dispute.deducted_paise
        return lost

    @cached_property
    def captured_paise_of(self) -> dict[str, int]:
        return {p.id: p.amount_paise for p in self.gateway_payments if p.is_captured}

    @cached_property
    def returned_paise_of(self) -> dict[UUID, int]:
        """By line: what of its price has gone at the gateway, by refunds that are made and
        disputes that are lost, as our books share it among the lines."""
        made = {refund.id for refund in self.gateway_refunds if refund.status != "failed"}
        keys = {r.key for r in self.refunds if r.gateway_refund_id in made}
        keys |= {refund.receipt for refund in self.gateway_refunds if refund.id in made}
        lost = {dispute.id for dispute in self.gateway_disputes if dispute.status == "lost"}
        returned: dict[UUID, int] = defaultdict(int)
        for row in self.reversals:
            if row.refund_key in keys or row.dispute_id in lost:
                returned[row.line_id] += row.amount_paise
        return returned

    @cached_property
    def kept_paise_of(self) -> dict[UUID, int]:
        """By order: what was paid for its lines that the buyer may read now, less what has
        gone back of their prices."""
        live = {access.line_id for access in self.accesses}
        kept: dict[UUID, int] = defaultdict(int)
        for line in self.lines:
            if line.id in live:
                kept[line.order_id] += max(0, line.paid_paise - self.returned_paise_of[line.id])
        return kept


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups
