"""`manage.py bench`: what was promised of speed, measured on real processes."""

from __future__ import annotations

import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from notevault import embedded
from notevault.bench import ledger, report
from notevault.bench.rig import Rig
from notevault.bench.scenarios import SCENARIOS
from notevault.demo.processes import DemoFailed, demand_demo_settings
from notevault.demo.progress import Printer

# It needs the database alone, and a long past in it.
LEDGER = "ledger"


class Command(BaseCommand):
    help = (
        "Load web and worker while the gateway is dead or silent, and compare the times of the "
        "answers with what was promised; prove a ledger of a million entries. Exits with 1 when "
        "a promise is broken."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--only", choices=[*SCENARIOS, LEDGER], help="One scenario.")
        parser.add_argument(
            "--seconds",
            type=_seconds,
            default=15,
            help="Of load a scenario, 3 to 30 (default: %(default)s).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self.printer = Printer(sys.stdout)
        signal.signal(signal.SIGTERM, _stop)
        names = [options["only"]] if options["only"] else [*SCENARIOS, LEDGER]
        try:
            demand_demo_settings("bench")
            broken = self.measure(names, seconds=options["seconds"])
        except (DemoFailed, embedded.EmbeddedPostgresError) as failure:
            self.stderr.write(self.style.ERROR(str(failure)))
            raise SystemExit(1) from failure
        except KeyboardInterrupt:
            self.printer.line("\nStopped.")
            raise SystemExit(130) from None
        if broken:
            self.printer.line(f"{broken} broken")
            raise SystemExit(1)

    def measure(self, names: list[str], *, seconds: int) -> int:
        """How many promises are broken."""
        self.printer.line(report.machine())
        rig = Rig()
        broken = 0
        if under_load := [name for name in names if name in SCENARIOS]:
            with rig.running():
                self.printer.line(f"{rig.database()}\n")
                for name in under_load:
                    with self.printer.step(f"{name}, {seconds} s of load"):
                        outcome = SCENARIOS[name](rig, seconds)
                    broken += self.show(outcome)
        if LEDGER in names:
            with rig.at_rest():
                self.printer.line(f"{rig.database()}\n")
                for title, outcome in ledger.measure():
                    self.printer.line(f"  {LEDGER}: {title}")
                    broken += self.show(outcome)
        self.printer.line(report.machine())
        return broken

    def show(self, outcome: report.Outcome) -> int:
        """Print it; gives how many promises are broken."""
        for line in report.lines(outcome):
            self.printer.line(line)
        self.printer.line()
        return sum(not promise.holds for promise in outcome.promises)


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 3 <= int(text) <= 30:
        raise ArgumentTypeError("a whole number from 3 to 30")
    return int(text)


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt
