"""Where findings go: into rows and cures, or, in a dry run, only into the count."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from types import MappingProxyType
from uuid import UUID

from payments.gateways.base import Gateway
from payments.models import Dispute, Payment, Refund
from payments.reconciliation import books, breaks
from payments.reconciliation.comparison import Finding
from payments.reconciliation.cures import NotCured
from payments.reconciliation.windows import Window
from payments.states import BreakKind, BreakState

Cure = Callable[[], str]
NOTHING: Mapping[UUID, int] = MappingProxyType({})


@dataclass
class Line:
    """The findings of one kind."""

    count: int = 0
    difference_paise: int = 0
    healed: int = 0
    open: int = 0
    closed: int = 0


@dataclass
class Tally:
    """What a run has seen. `vanished` breaks of earlier runs show no more."""

    payments: int = 0
    refunds: int = 0
    settled: int = 0
    foreign: int = 0
    filled_in: int = 0
    vanished: int = 0
    lines: dict[BreakKind, Line] = field(default_factory=dict)

    def add(self, finding: Finding, state: BreakState) -> None:
        line = self.lines.setdefault(finding.kind, Line())
        line.count += 1
        line.difference_paise += finding.difference_paise
        setattr(line, state.value, getattr(line, state.value) + 1)

    @property
    def healed(self) -> int:
        return self.vanished + sum(line.healed for line in self.lines.values())

    @property
    def open(self) -> int:
        return sum(line.open for line in self.lines.values())


class Desk:
    """Cures what it can and keeps a row of every finding."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now
        self.tally = Tally()
        self._taken: set[tuple[str, str, str]] = set()

    def take(self, finding: Finding, *, day: date, cure: Cure | None = None) -> None:
        """Once a run: the list and the settlement report may tell of the same matter."""
        if finding.matter in self._taken:
            return
        self._taken.add(finding.matter)
        self.tally.add(finding, self._keep(finding, day, cure))

    def _keep(self, finding: Finding, day: date, cure: Cure | None) -> BreakState:
        cured, refused = _try(cure)
        if refused:
            finding = replace(finding, details=f"{finding.details}; not healed: {refused}")
        state = breaks.record_break(finding=finding, day=day, cured=cured, now=self.now)
        return BreakState.HEALED if cured else state

    def complete(
        self,
        rows: Sequence[Payment | Refund | Dispute],
        *fields: str,
        settled: Mapping[UUID, int] = NOTHING,
    ) -> None:
        """Keep what these rows have learnt, and what reached the bank account for them."""
        self.tally.filled_in += len(rows)
        books.complete(rows, fields, settled=settled, now=self.now)

    def forget(self, *, first: date, last: date, never_settled: bool = False) -> None:
        """Heal the open breaks of these days that were not found again."""
        self.tally.vanished += breaks.heal_vanished(
            first=first, last=last, never_settled=never_settled, now=self.now
        )


class DryDesk(Desk):
    """Counts what a run would do, and writes nothing."""

    def _keep(self, finding: Finding, day: date, cure: Cure | None) -> BreakState:
        if cure is not None:
            return BreakState.HEALED
        is_closed = breaks.state_of(finding) == BreakState.CLOSED
        return BreakState.CLOSED if is_closed else BreakState.OPEN

    def complete(
        self,
        rows: Sequence[Payment | Refund | Dispute],
        *fields: str,
        settled: Mapping[UUID, int] = NOTHING,
    ) -> None:
        self.tally.filled_in += len(rows)

    def forget(self, *, first: date, last: date, never_settled: bool = False) -> None:
        """Nothing is healed by looking."""


def _try(cure: Cure | None) -> tuple[str, str]:
    """What was done, and why nothing could be."""
    if cure is None:
        return "", ""
    try:
        return cure(), ""
    except NotCured as refusal:
        return "", str(refusal)


@dataclass(frozen=True)
class Day:
    """What the comparison of one day works with."""

    window: Window
    gateway: Gateway
    desk: Desk

    def take(self, finding: Finding, *, cure: Cure | None = None) -> None:
        self.desk.take(finding, day=self.window.day, cure=cure)

    def note_foreign(self) -> None:
        """Made by another product of the same gateway account: none of our business."""
        self.desk.tally.foreign += 1
