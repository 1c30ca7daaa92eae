"""One run: shop in the storm, let the system converge, then judge."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from django.conf import settings

from notevault.chaos import books, referee
from notevault.chaos.buyers import Buyers
from notevault.chaos.findings import Finding
from notevault.chaos.injector import Counts, Injector
from notevault.chaos.office import Office
from notevault.chaos.people import People
from notevault.chaos.plans import Plan
from notevault.chaos.records import Records
from notevault.chaos.schedule import Fault
from notevault.chaos.staff import patiently
from notevault.chaos.state import State
from notevault.chaos.supervisor import Supervisor
from notevault.chaos.world import World

CONVERGE_WITHIN_S = 60.0
LOOK_EVERY_S = 2.0
# Whoever has nothing to find twice in a row has converged.
CALM_LOOKS = 2


@dataclass
class Outcome:
    counts: Counts
    records: Records
    state: State
    findings: list[Finding]
    """What was still wrong when the time to converge was over."""
    converged_s: float | None
    ledger: str
    """What `verify_ledger` complained of; empty when it is content."""
    restarts: Counter[str] = field(default_factory=Counter)
    shopping_s: float = 0

    @property
    def captured(self) -> int:
        return sum(payment.is_captured for payment in self.state.gateway_payments)

    @property
    def is_sound(self) -> bool:
        """A run in which nothing was sold proves nothing."""
        return self.captured > 0 and not (self.findings or self.records.broken() or self.ledger)


class Simulation:
    def __init__(self, *, seed: int, world: World, people: People, plans: Iterator[Plan]) -> None:
        self._seed = seed
        self._world = world
        self._people = people
        self._plans = plans
        self._records = Records()
        self._injector = Injector(world=world, records=self._records)

    def run(self, schedule: Iterable[Fault], watch: Callable[[Fault], None]) -> Outcome:
        """The world's processes run, before and after."""
        started = time.monotonic()
        with Supervisor(self._world.processes, records=self._records) as supervisor:
            buyers = Buyers(
                world=self._world,
                people=self._people,
                plans=self._plans,
                records=self._records,
                instruments=self._injector.instruments,
            )
            office = Office(
                seed=self._seed, world=self._world, people=self._people, records=self._records
            )
            buyers.start()
            office.open()
            self._injector.run(schedule, watch)
            self._injector.clear()
            last_fault_at = time.monotonic()
            buyers.send_home()
            office.take_no_more()
            findings, state = self._converge(office, last_fault_at + CONVERGE_WITHIN_S)
            office.close()
            took = time.monotonic() - last_fault_at
            ledger = verify_ledger(self._world)
        return Outcome(
            counts=self._injector.counts,
            records=self._records,
            state=state,
            findings=findings,
            converged_s=None if findings else took,
            ledger=ledger,
            restarts=supervisor.restarts,
            shopping_s=last_fault_at - started,
        )

    def _converge(self, office: Office, deadline: float) -> tuple[list[Finding], State]:
        calm = 0
        while True:
            state = patiently(lambda: self._read(office))
            findings = referee.judge(state)
            calm = 0 if findings else calm + 1
            if calm == CALM_LOOKS or (findings and time.monotonic() > deadline):
                return findings, state
            time.sleep(LOOK_EVERY_S)

    def _read(self, office: Office) -> State:
        return books.read(
            sandbox=self._world.sandbox, records=self._records, transfers=office.transfers
        )


def verify_ledger(world: World) -> str:
    """The command's complaint, or nothing."""
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_ledger"],
        cwd=settings.BASE_DIR,
        env=world.processes.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else f"{done.stdout}\n{done.stderr}".strip()
