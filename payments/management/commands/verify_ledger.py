"""`manage.py verify_ledger`: proves the promises about money, or names the row that breaks one."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection, transaction

from payments import invariants


class Command(BaseCommand):
    help = (
        "Prove I1, I2, I4 and I5 (payments/README.md) on the database as it is now, in one "
        "snapshot. Exits with 1 when a row breaks one, and names the first."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            # One snapshot: a sale between two checks is no broken promise.
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            broken = sum(self.prove(check) for check in invariants.CHECKS)
            for what, count in invariants.waiting():
                if count:
                    self.stdout.write(f"  waiting: {count} {what}")
        if broken:
            self.stdout.write(self.style.ERROR(f"{broken} rows break a promise."))
            sys.exit(1)
        self.stdout.write(self.style.SUCCESS("Every promise holds."))

    def prove(self, check: invariants.Check) -> int:
        """Print the check's outcome; gives how many rows break it."""
        findings = invariants.findings(check)
        first = next(findings, None)
        bad = 0 if first is None else 1 + sum(1 for _ in findings)
        mark = self.style.ERROR("BROKEN") if bad else self.style.SUCCESS("holds ")
        self.stdout.write(f"{mark} {check.invariant}  {check.about}")
        if first is not None:
            more = f" (and {bad - 1} more)" if bad > 1 else ""
            self.stdout.write(f"         first: {first.row_id}: {first.what}{more}")
        return bad
