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

NEVER_SETTLED = Q(kind=BreakKind.MISSING_THERE, subject=BreakSubject.SETTLEMENT)


class BreakNotOpen(DomainError):
    code = "break_not_open"
    message = "Only an open break can be closed."


@use_case
def record_break(*, finding: Finding, day: date, cured: str, now: datetime) -> BreakState:
    """One row for one matter, however often it is found; returns its state afterwards.

    `cured` says how it was healed; empty leaves it to staff, with one alert. What a person
    has closed stays closed for as long as its figures are the same.
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
    elif is_new or _open_again(row, has_changed=has_changed, now=now):
        _alert(row, now)
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


def _open_again(row: ReconciliationBreak, *, has_changed: bool, now: datetime) -> bool:
    is_over = row.state == BreakState.HEALED or (row.state == BreakState.CLOSED and has_changed)
    return is_over and row.move(
        BreakState.OPEN, why="found again", now=now, healed_at=None, closed_at=None
    )


def _heal(row: ReconciliationBreak, *, why: str, now: datetime) -> bool:
    if row.state != BreakState.OPEN:
        return False
    return row.move(BreakState.HEALED, why=why, now=now, healed_at=now)


def _alert(row: ReconciliationBreak, now: datetime) -> None:
    difference = money.format_inr(row.difference_paise)
    raise_alert(
        kind=f"payments.break_{row.kind}",
        severity=Severity.HIGH,
        message=f"Reconciliation of {row.subject} {row.gateway_id}: {row.details} ({difference}).",
        metadata={
            "break_id": str(row.pk),
            "gateway_id": row.gateway_id,
            "difference_paise": row.difference_paise,
            "settlement_id": row.settlement_id,
            "utr": row.utr,
        },
        dedupe_key=f"break:{row.kind}:{row.subject}:{row.gateway_id}",
        now=now,
    )
