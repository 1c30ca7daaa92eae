"""Faults that are armed on purpose: which there are, and which request or event meets one."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from payments.sandbox.entities import Entity, new_id
from payments.sandbox.errors import RazorpayError, unknown_id
from payments.sandbox.validation import MAX_TEXT, refuse_extra_fields

ANYWHERE = "*"
FAULT_FIELDS = {"kind", "where", "times", "seconds", "match"}
MOST_TIMES = 1_000_000
MOST_SECONDS = 24 * 3600

API_KINDS = (
    "rate_limited",
    "server_error",
    "bad_gateway",
    "slow",
    "silent",
    "reset_before",
    "reset_after",
    "answer_lost",
)
WEBHOOK_KINDS = ("drop", "duplicate", "delay", "reorder")
KINDS = API_KINDS + WEBHOOK_KINDS
# Real seconds, whatever the clock's speed is.
DEFAULT_SECONDS = {"slow": 30, "silent": 30, "answer_lost": 30, "delay": 10, "reorder": 3}

OPERATIONS = (
    "create_order",
    "list_orders",
    "fetch_order",
    "list_order_payments",
    "list_payments",
    "fetch_payment",
    "capture_payment",
    "refund_payment",
    "list_payment_refunds",
    "fetch_payment_refund",
    "list_refunds",
    "fetch_refund",
    "list_disputes",
    "fetch_dispute",
    "combined_recon",
)
EVENTS = (
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "payment.dispute.created",
    "payment.dispute.under_review",
    "payment.dispute.action_required",
    "payment.dispute.won",
    "payment.dispute.lost",
    "payment.dispute.closed",
    "settlement.processed",
)


@dataclass
class Fault:
    """`times` 0 means until it is removed; an empty `match` fits everything."""

    id: str
    kind: str
    where: str
    times: int
    fired: int
    seconds: float
    match: str

    def fits(self, *, kinds: Collection[str], where: str, text: str) -> bool:
        return self.kind in kinds and self.where in (ANYWHERE, where) and self.match in text

    @property
    def is_spent(self) -> bool:
        return 0 < self.times <= self.fired

    def as_entity(self) -> Entity:
        return dict(vars(self))


class FaultBoard:
    """The faults in the order in which they were armed; they are gone after a restart."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: dict[str, Fault] = {}
        self._live: list[Fault] = []

    def arm(self, wish: Mapping[str, Any]) -> Entity:
        """Arm a fault; raises RazorpayError that lists what is allowed."""
        fault = _read_fault(wish)
        with self._lock:
            self._faults[fault.id] = fault
            self._live.append(fault)
            return fault.as_entity()

    def take(self, *, kinds: Collection[str], where: str, text: str) -> Fault | None:
        """The first armed fault that fits, counted as fired."""
        with self._lock:
            for fault in self._live:
                if fault.fits(kinds=kinds, where=where, text=text):
                    fault.fired += 1
                    if fault.is_spent:
                        self._live.remove(fault)
                    return fault
        return None

    def list_all(self) -> list[Entity]:
        with self._lock:
            return [fault.as_entity() for fault in self._faults.values()]

    def remove(self, fault_id: str) -> Entity:
        with self._lock:
            fault = self._faults.pop(fault_id, None)
            if fault is None:
                raise unknown_id()
            if fault in self._live:
                self._live.remove(fault)
            return fault.as_entity()

    def clear(self) -> int:
        """Remove all of them; gives how many there were."""
        with self._lock:
            count = len(self._faults)
            self._faults.clear()
            self._live.clear()
            return count


def _read_fault(wish: Mapping[str, Any]) -> Fault:
    refuse_extra_fields(wish, allowed=FAULT_FIELDS)
    kind = _read_word(wish, "kind", allowed=KINDS)
    places = OPERATIONS if kind in API_KINDS else EVENTS
    return Fault(
        id=new_id("flt"),
        kind=kind,
        where=_read_word(wish, "where", allowed=(ANYWHERE, *places), default=ANYWHERE),
        times=_read_times(wish),
        fired=0,
        seconds=_read_seconds(wish, default=DEFAULT_SECONDS.get(kind, 0)),
        match=_read_match(wish),
    )


def _read_word(
    wish: Mapping[str, Any], name: str, *, allowed: Collection[str], default: str | None = None
) -> str:
    value = wish.get(name, default)
    if not isinstance(value, str) or value not in allowed:
        raise RazorpayError(f"The {name} must be one of {', '.join(allowed)}.", field=name)
    return value


def _read_times(wish: Mapping[str, Any]) -> int:
    value = wish.get("times", 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_TIMES:
        raise RazorpayError(
            f"The times must be a whole number from 1 to {MOST_TIMES}, or 0 for until removed.",
            field="times",
        )
    return value


def _read_seconds(wish: Mapping[str, Any], *, default: float) -> float:
    value = wish.get("seconds")
    if value is None:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool):
        value = -1
    if not 0 <= value <= MOST_SECONDS:
        raise RazorpayError(
            f"The seconds must be a number from 0 to {MOST_SECONDS}.", field="seconds"
        )
    return value


def _read_match(wish: Mapping[str, Any]) -> str:
    value = wish.get("match", "")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise RazorpayError(
            f"The match must be a text of at most {MAX_TEXT} characters.", field="match"
        )
    return value
