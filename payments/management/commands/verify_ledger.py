"""`manage.py verify_ledger`: proves the promises about money, or names the row that breaks one."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notevault.kit import clock
from payments import invariants
from payments.invariants import Outcome, Proof


class Command(BaseCommand):
    help = (
        "Prove I1 to I5 (payments/README.md) on the database as it is now, in one snapshot. "
        "Exits with 1 when a row breaks one, and names the first."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="The whole proof as one object.")

    def handle(self, *args: Any, **options: Any) -> None:
        ran_at = clock.now()
        if options["json"]:
            proof = invariants.prove(invariants.CHECKS)
            body = {"ran_at": ran_at.isoformat(), **proof.as_json()}
            self.stdout.write(json.dumps(body, indent=2))
        else:
            proof = invariants.prove(invariants.CHECKS, on_check=self.show)
            self.sum_up(proof)
        if proof.broken:
            sys.exit(1)

    def show(self, outcome: Outcome) -> None:
        check, first, bad = outcome.check, outcome.first, outcome.broken
        mark = self.style.ERROR("BROKEN") if bad else self.style.SUCCESS("holds ")
        self.stdout.write(f"{mark} {check.invariant}  {check.about}  ({outcome.seconds:.2f} s)")
        if first is not None:
            more = f" (and {bad - 1} more)" if bad > 1 else ""
            self.stdout.write(f"         first: {first.row_id}: {first.what}{more}")
        self.stdout.flush()

    def sum_up(self, proof: Proof) -> None:
        for what, count in proof.waiting:
            if count:
                self.stdout.write(f"  waiting: {count} {what}")
        if proof.broken:
            self.stdout.write(self.style.ERROR(f"{proof.broken} rows break a promise."))
        else:
            self.stdout.write(
                self.style.SUCCESS(f"Every promise holds. Proved in {proof.seconds:.1f} s.")
            )
