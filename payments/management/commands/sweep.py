"""`manage.py sweep`: what the periodic sweepers do, by hand."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notevault.kit import clock
from payments.sweepers import BATCH, SWEEPERS, sweep


class Command(BaseCommand):
    help = (
        "Find what was left between two beats, or what nobody told us, and finish it. "
        + " ".join(f"{name}: {sweeper.about}." for name, sweeper in SWEEPERS.items())
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "names", nargs="*", metavar="sweeper", help=f"Default: all of {', '.join(SWEEPERS)}."
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Say what would be looked at, and change nothing.",
        )
        parser.add_argument(
            "--limit", type=int, default=BATCH, help="Rows of each sweeper (default: %(default)s)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = options["names"] or list(SWEEPERS)
        unknown = [name for name in names if name not in SWEEPERS]
        if unknown or options["limit"] < 1:
            self.stderr.write(
                f"There is no sweeper {', '.join(unknown)}. Choose from {', '.join(SWEEPERS)}."
                if unknown
                else "--limit must be at least 1."
            )
            sys.exit(2)
        act = self.look if options["dry_run"] else self.sweep
        left = sum(act(name, options["limit"]) for name in names)
        if left:
            sys.exit(1)

    def look(self, name: str, limit: int) -> int:
        found = list(SWEEPERS[name].find(clock.now()).values_list("pk", flat=True)[:limit])
        self.stdout.write(f"{name}: {len(found)} found")
        for row_id in found:
            self.stdout.write(f"  {row_id}")
        return 0

    def sweep(self, name: str, limit: int) -> int:
        """Gives how many rows are left as they were."""
        cured = left = 0
        for row in sweep(name, now=clock.now(), limit=limit):
            cured, left = cured + row.is_cured, left + (not row.is_cured)
            self.stdout.write(f"  {row.row_id}  {row.outcome}")
        self.stdout.write(f"{name}: {cured} done, {left} left")
        return left
