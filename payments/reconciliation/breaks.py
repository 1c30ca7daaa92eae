"""The rows that staff see: opened with an alert, healed by a later run, or closed by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import money
from notevault.kit.errors import DomainError
from ops.transactions import use_case
from payments import locks
from payments.models import ReconciliationBreak
from payments.reconciliation.comparison import Finding
from payments.states import BreakKind, BreakState, BreakSubject

# An alert names the first of them; the page in admin has them all.
NAMED = 20
NEVER_SETTLED = Q(kind=BreakKind.MISSING_THERE, subject=BreakSubject.SETTLEMENT)


class BreakNotOpen(DomainError):
    code = "break_not_open"
    message = "Only an open break can be closed."


@use_case
def record_break(*, finding: Finding, day: date, cured: str, now: datetime) -> BreakState:
    """One row for one matter, however often it is found; returns its state afterwards.

    `cured` says how it was healed; empty leaves it to staff, whom `tell_of_breaks` alerts.
    What a person has closed stays closed for as long as its figures are the same.
    """
    row, is_new = locks.lock_or_open_break(
        _key(finding), defaults={**_figures(finding), "day": day, **_seen(now)}
    )
    has_changed = (row.ours_paise, row.theirs_paise) != (finding.ours_paise, finding.theirs_paise)
    if not is_new:
        # A run that began later may have seen it first, and heals what it has not seen.
        _update(row, **_figures(finding), day=day, last_seen_at=max(row.last_seen_at, now))
    if cured:
        _heal(row, why=cured, now=now)
    elif not is_new:
        _open_again(row, has_changed=has_changed, now=now)
    return BreakState(row.state)


@use_case
def heal_vanished(*, first: date, last: date, never_settled: bool, now: datetime) -> int:
    """Heal the open breaks of these days that this run, begun at `now`, has not found.

    Payments that were never settled are looked for over fewer days than the rest, hence
    healed apart. Returns how many.
    """
    gone = ReconciliationBreak.objects.filter(
        NEVER_SETTLED if never_settled else ~NEVER_SETTLED,
        state=BreakState.OPEN,
        day__range=(first, last),
        last_seen_at__lt=now,
    )
    return sum([_heal(row, why="shows no more", now=now) for row in gone])


@use_case
def close_break(*, break_id: UUID, staff_id: UUID, why: str, now: datetime) -> None:
    """A person has dealt with it; the history says who and why. Raises BreakNotOpen."""
    row = ReconciliationBreak.objects.get(pk=break_id)
    is_open = row.state == BreakState.OPEN
    if not is_open or not row.move(
        BreakState.CLOSED, why=why, actor_id=staff_id, now=now, closed_at=now
    ):
        raise BreakNotOpen


def state_of(finding: Finding) -> BreakState | None:
    """What is on record of this matter, without changing it."""
    found = ReconciliationBreak.objects.filter(
        **_key(finding), ours_paise=finding.ours_paise, theirs_paise=finding.theirs_paise
    )
    state = found.values_list("state", flat=True).first()
    return BreakState(state) if state else None


def _key(finding: Finding) -> dict[str, str]:
    return dict(zip(("kind", "subject", "gateway_id"), finding.matter, strict=True))


def _figures(finding: Finding) -> dict[str, Any]:
    return {
        "ours_paise": finding.ours_paise,
        "theirs_paise": finding.theirs_paise,
        "difference_paise": finding.difference_paise,
        "currency": finding.currency,
        "details": finding.details[:300],
        "settlement_id": finding.settlement_id[:40],
        "utr": finding.utr[:40],
    }


def _seen(now: datetime) -> dict[str, datetime]:
    return {"first_seen_at": now, "last_seen_at": now}


def _update(row: ReconciliationBreak, **values: Any) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))


def _open_again(row: ReconciliationBreak, *, has_changed: bool, now: datetime) -> None:
    if row.state == BreakState.HEALED or (row.state == BreakState.CLOSED and has_changed):
        again = {"healed_at": None, "closed_at": None, "told_at": None}
        row.move(BreakState.OPEN, why="found again", now=now, **again)


def _heal(row: ReconciliationBreak, *, why: str, now: datetime) -> bool:
    if row.state != BreakState.OPEN:
        return False
    return row.move(BreakState.HEALED, why=why, now=now, healed_at=now)


@use_case
def tell_of_breaks(*, now: datetime) -> int:
    """One alert for each kind that has open breaks of which none has told; returns how many.

    What a run that died has left behind is told of after the next.
    """
    untold = locks.lock_untold_breaks()
    for kind in sorted({row.kind for row in untold}):
        _alert([row for row in untold if row.kind == kind], now)
    ReconciliationBreak.objects.filter(pk__in=[row.pk for row in untold]).update(told_at=now)
    return len({row.kind for row in untold})


def _alert(rows: list[ReconciliationBreak], now: datetime) -> None:
    """Of breaks of one kind, which are locked."""
    first, total = rows[0], sum(row.difference_paise for row in rows)
    one = f"{first.subject} {first.gateway_id}: {first.details}"
    more = f", and {len(rows) - 1} more" if len(rows) > 1 else ""
    raise_alert(
        kind=f"payments.break_{first.kind}",
        severity=Severity.HIGH,
        message=f"Reconciliation of {one[:400]}{more} ({money.format_inr(total)}).",
        metadata={
            "count": len(rows),
            "difference_paise": total,
            "breaks": [_reference(row) for row in rows[:NAMED]],
        },
        dedupe_key=f"breaks:{first.kind}:{first.pk}:{now.isoformat()}",
        now=now,
    )


def _reference(row: ReconciliationBreak) -> dict[str, Any]:
    return {
        "break_id": str(row.pk),
        "gateway_id": row.gateway_id,
        "difference_paise": row.difference_paise,
        "settlement_id": row.settlement_id,
        "utr": row.utr,
    }
