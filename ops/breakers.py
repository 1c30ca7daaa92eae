"""Circuit breakers: stop calling an upstream that fails, and find out when it is back.

    ticket = breakers.admit("razorpay")          # or BreakerOpen
    ...                                          # the call; nothing is locked meanwhile
    breakers.record(ticket, succeeded=True)

A breaker is one row for all processes, and the database's clock is everyone's. It opens
when at least half of five or more calls within ten seconds failed; thirty seconds later one
call is let through, and its outcome closes or opens it. Staff may force it either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models.functions import Now

from notevault.kit.ids import uuid7
from ops.models import BreakerMove, CircuitBreaker
from ops.states import BreakerState, Forced
from ops.transactions import use_case

WINDOW_S = 10
LEAST_CALLS = 5
FAILING_SHARE = 0.5
OPEN_FOR = timedelta(seconds=30)
# Longer than a call may take: then whoever made the probe is dead.
PROBE_FOR = timedelta(seconds=30)

log = structlog.get_logger("notevault.breakers")


class BreakerOpen(Exception):
    """The upstream is not called. `retry_after` is in seconds."""

    def __init__(self, name: str, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(f"the circuit breaker of {name} is open")


@dataclass(frozen=True)
class Ticket:
    """Leave to make one call. Its outcome counts only while `generation` is the latest."""

    name: str
    generation: int


@dataclass(frozen=True)
class Change:
    """What has become of a breaker; `new` is a state, or one that staff forced."""

    name: str
    old: str
    new: str
    why: str
    now: datetime


_on_change: list[Callable[[Change], None]] = []


def on_change(tell: Callable[[Change], None]) -> None:
    """Have `tell` called with each change, inside its transaction."""
    _on_change.append(tell)


def admit(name: str) -> Ticket:
    """Leave to call the upstream. Raises BreakerOpen.

    One query while the breaker is closed or still open.
    """
    row = _find(name) or _make(name)
    if row.forced == Forced.OPEN:
        raise BreakerOpen(name, retry_after=math.ceil(OPEN_FOR.total_seconds()))
    if row.forced == Forced.CLOSED or row.state == BreakerState.CLOSED:
        return Ticket(name, row.generation)
    _refuse_early(row, _now_of(row))
    return _claim_probe(name=name)


def record(ticket: Ticket, *, succeeded: bool) -> None:
    """Count the outcome of a call. Never raises for want of a database: the call itself
    is over, and its answer matters more."""
    try:
        _record(ticket=ticket, succeeded=succeeded)
    except DatabaseError as error:
        log.warning("breaker.not_recorded", breaker=ticket.name, error=type(error).__name__)


def force(*, name: str, to: Forced, why: str, actor_id: UUID | None) -> None:
    """Hold a breaker open or closed until `Forced.NOT`, when its calls decide again."""
    _force(name=name, to=to, why=why, actor_id=actor_id)


def _find(name: str) -> CircuitBreaker | None:
    return CircuitBreaker.objects.filter(name=name).annotate(db_now=Now()).first()


def _now_of(row: CircuitBreaker) -> datetime:
    # An annotation of the query, of which the model's type knows nothing.
    moment: datetime = row.db_now  # type: ignore[attr-defined]
    return moment


def _make(name: str) -> CircuitBreaker:
    row = CircuitBreaker(name=name, changed_at=Now())
    CircuitBreaker.objects.bulk_create([row], ignore_conflicts=True)
    return CircuitBreaker.objects.annotate(db_now=Now()).get(name=name)


def _lock(name: str) -> CircuitBreaker:
    locked = CircuitBreaker.objects.select_for_update().annotate(db_now=Now())
    return locked.get(name=name)


def _refuse_early(row: CircuitBreaker, now: datetime) -> None:
    """Raise BreakerOpen unless it is time for a probe."""
    wait = OPEN_FOR if row.state == BreakerState.OPEN else PROBE_FOR
    left = (row.changed_at + wait - now).total_seconds()
    if left > 0:
        raise BreakerOpen(row.name, retry_after=math.ceil(left))


@use_case
def _claim_probe(*, name: str) -> Ticket:
    """Of all who ask when the pause is over, one gets through."""
    row = _lock(name)
    now = _now_of(row)
    if row.state != BreakerState.CLOSED:
        _refuse_early(row, now)
        _change(row, BreakerState.HALF_OPEN, why="one call is let through", now=now)
    return Ticket(name, row.generation)


@use_case
def _record(*, ticket: Ticket, succeeded: bool) -> None:
    row = _lock(ticket.name)
    if row.generation != ticket.generation:
        return
    now = _now_of(row)
    if row.state == BreakerState.HALF_OPEN:
        to = BreakerState.CLOSED if succeeded else BreakerState.OPEN
        why = "the probe succeeded" if succeeded else "the probe failed"
        _change(row, to, why=why, now=now)
        return
    seconds = count(row.seconds, at=int(now.timestamp()), succeeded=succeeded)
    calls, failures = totals(seconds)
    if calls >= LEAST_CALLS and failures >= calls * FAILING_SHARE and not row.forced:
        why = f"{failures} of {calls} calls failed within {WINDOW_S} s"
        _change(row, BreakerState.OPEN, why=why, now=now)
    else:
        CircuitBreaker.objects.filter(pk=row.pk).update(seconds=seconds)


def count(seconds: dict[str, list[int]], *, at: int, succeeded: bool) -> dict[str, list[int]]:
    """The window with one more call in second `at`, and without what lies before it."""
    window = {key: value for key, value in seconds.items() if int(key) > at - WINDOW_S}
    calls, failures = window.get(str(at), [0, 0])
    return {**window, str(at): [calls + 1, failures + (not succeeded)]}


def totals(seconds: dict[str, list[int]]) -> tuple[int, int]:
    """Calls and failures of a window."""
    return sum(calls for calls, _ in seconds.values()), sum(bad for _, bad in seconds.values())


def _change(row: CircuitBreaker, to: BreakerState, *, why: str, now: datetime) -> None:
    old = row.state
    row.move(to, why=why, now=now, changed_at=now, seconds={}, generation=row.generation + 1)
    _tell(Change(row.name, old, to, why, now))


@use_case
def _force(*, name: str, to: Forced, why: str, actor_id: UUID | None) -> None:
    _find(name) or _make(name)
    row = _lock(name)
    now = _now_of(row)
    old, new = _shown(row.forced), _shown(to)
    changes: dict[str, Any] = {"forced": to, "forced_why": why[:200] if to else ""}
    CircuitBreaker.objects.filter(name=name).update(**changes, generation=row.generation + 1)
    BreakerMove.objects.create(
        id=uuid7(), row=row, old=old, new=new, why=why[:200], actor_id=actor_id, at=now
    )
    _tell(Change(name, old, new, why, now))


def _shown(forced: str) -> str:
    return f"forced {forced}" if forced else "not forced"


def _tell(change: Change) -> None:
    log.warning("breaker.changed", breaker=change.name, old=change.old, new=change.new)
    for tell in _on_change:
        tell(change)
