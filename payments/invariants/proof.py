"""All checks in one snapshot of the database: a sale between two of them is no broken promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from payments.invariants.checks import Check, Finding, first_finding
from payments.invariants.waiting import waiting

# Longer than any request or job may ask the database, and still not for ever.
STATEMENT_TIMEOUT = "15min"
# Sums over the whole ledger stay in memory rather than on disk, and far below 500 MB.
WORK_MEM = "64MB"


# Any number that nobody else locks by.
ALONE = 4_031_871_923


class ProofRunning(Exception):
    """Another process is proving the same, and two would only slow each other down."""


@dataclass(frozen=True)
class Outcome:
    """What a check has found; `broken` counts the rows."""

    check: Check
    broken: int
    first: Finding | None
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "invariant": self.check.invariant,
            "about": self.check.about,
            "broken": self.broken,
            "first": {"id": self.first.row_id, "what": self.first.what} if self.first else None,
            "seconds": round(self.seconds, 3),
        }


@dataclass(frozen=True)
class Proof:
    outcomes: list[Outcome]
    waiting: list[tuple[str, int]]
    seconds: float

    @property
    def broken(self) -> int:
        return sum(outcome.broken for outcome in self.outcomes)

    @property
    def first_broken(self) -> str:
        """The first row of the first promise that does not hold; empty when all hold."""
        for outcome in self.outcomes:
            if outcome.first:
                check, row = outcome.check, outcome.first
                return f"{check.invariant}: {check.about}: {row.row_id}: {row.what}"
        return ""

    def as_json(self) -> dict[str, Any]:
        return {
            "broken": self.broken,
            "seconds": round(self.seconds, 3),
            "checks": [outcome.as_json() for outcome in self.outcomes],
            "waiting": dict(self.waiting),
        }


def prove(
    checks: Iterable[Check],
    *,
    on_check: Callable[[Outcome], None] = lambda outcome: None,
    alone: bool = False,
) -> Proof:
    """Run the checks on the database as it is now; `on_check` hears of each once it is done.

    Raises ProofRunning when it is to be `alone` and is not.
    """
    begun = time.monotonic()
    outcomes = []
    with _snapshot():
        if alone:
            _demand_to_be_alone()
        for check in checks:
            outcomes.append(_look(check))
            on_check(outcomes[-1])
        return Proof(outcomes, waiting(), time.monotonic() - begun)


@contextmanager
def _snapshot() -> Iterator[None]:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
            cursor.execute(f"SET LOCAL work_mem = '{WORK_MEM}'")
        yield


def _demand_to_be_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [ALONE])
        if not cursor.fetchone()[0]:
            raise ProofRunning


def _look(check: Check) -> Outcome:
    begun = time.monotonic()
    broken, first = first_finding(check)
    return Outcome(check, broken, first, time.monotonic() - begun)
