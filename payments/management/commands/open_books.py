"""`manage.py open_books`: post what was sold before there was a ledger."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from notevault.kit import clock, money
from payments import opening


class Command(BaseCommand):
    help = (
        "Post the payments, fees, refunds and settlements that are older than the ledger, and "
        "give their order lines tax and escrow. Safe to stop and to repeat; `verify_ledger` "
        "holds afterwards."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Count, and change nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = opening.count_unopened()
        amount = money.format_inr(found.amount_paise)
        self.stdout.write(
            f"{found.orders} orders are older than the ledger, with {found.payments} payments "
            f"of {amount}."
        )
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
            return
        done = 0
        for done in opening.open_books(now=clock.now()):
            self.stdout.write(f"  {done}/{found.orders}")
            self.stdout.flush()
        self.stdout.write(f"{done} orders are in the books.")
