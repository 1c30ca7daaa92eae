"""`manage.py chaos`: buyers, faults and kills at once, then a referee."""

from __future__ import annotations

import logging
import signal
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notevault import embedded
from notevault.chaos import report
from notevault.chaos.people import make_people_for
from notevault.chaos.plans import make_plans
from notevault.chaos.progress import Progress
from notevault.chaos.schedule import make_schedule
from notevault.chaos.simulation import Outcome, Simulation
from notevault.chaos.world import World
from notevault.demo.processes import DemoFailed, demand_demo_settings
from notevault.demo.progress import Printer

# An hour of the gateway's patience passes in a second: its day of webhook retries in 24 s.
SANDBOX_CLOCK = "3600"
SWEEP_AFTER_S = "5"


class Command(BaseCommand):
    help = (
        "Let buyers shop while faults are injected and processes killed, wait until the system "
        "has converged, and compare the gateway's books with ours. Exits with 1, the seed and "
        "the first bad row when a payment was lost or doubled, or another promise was broken."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="Default: %(default)s.")
        parser.add_argument("--faults", type=int, default=1000, help="Default: %(default)s.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.printer = Printer(sys.stdout)
        signal.signal(signal.SIGTERM, _stop)
        # Staff work in this process, and what they do would drown the table.
        logging.getLogger("notevault").setLevel(logging.WARNING)
        try:
            demand_demo_settings("chaos")
            outcome = self.simulate(seed=options["seed"], faults=options["faults"])
        except (DemoFailed, embedded.EmbeddedPostgresError) as failure:
            self.stderr.write(self.style.ERROR(str(failure)))
            raise SystemExit(1) from failure
        except KeyboardInterrupt:
            self.printer.line("\nStopped.")
            raise SystemExit(130) from None
        if not outcome.is_sound:
            raise SystemExit(1)

    def simulate(self, *, seed: int, faults: int) -> Outcome:
        self.printer.line(f"Chaos, seed {seed}: {faults} faults\n")
        schedule = make_schedule(seed=seed, count=faults)
        world = World(
            environment={"SWEEP_AFTER_S": SWEEP_AFTER_S}, sandbox_options=("--clock", SANDBOX_CLOCK)
        )
        try:
            with self.printer.step("make an empty shop with its people and notes"):
                world.make_empty()
                people = make_people_for(seed=seed, faults=faults)
            plans = make_plans(seed=seed, buyers=len(people.buyers), notes=len(people.notes))
            with world.processes:
                with self.printer.step("start web, worker and Razorpay sandbox"):
                    world.start()
                simulation = Simulation(seed=seed, world=world, people=people, plans=plans)
                progress = Progress(self.printer, schedule)
                outcome = simulation.run(schedule, progress.watch)
                self.printer.line()
                for line in report.lines(outcome, seed=seed):
                    self.printer.line(line)
        finally:
            world.leave()
        return outcome


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt
