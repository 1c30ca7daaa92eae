"""`manage.py reconcile`: our books against the gateway's, over whole days."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notevault.kit import clock, money
from notevault.kit.clock import indian_day
from payments.gateways.base import GatewayError
from payments.reconciliation.desk import Tally
from payments.reconciliation.runs import reconcile_days
from payments.reconciliation.windows import ONE_DAY, DaysOutOfRange

BAD_INPUT, GATEWAY_SILENT = 2, 3


class Command(BaseCommand):
    help = (
        "Compare our payments and refunds with the gateway's lists and its settlement report, "
        "heal what is certain, and leave the rest to staff. Exits with 0 when nothing is open, "
        "1 when breaks are open for staff, 2 for days that make no sense, 3 when the gateway "
        "does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from", dest="start", type=_day, help="First day, YYYY-MM-DD (default: as --to)."
        )
        parser.add_argument(
            "--to", dest="end", type=_day, help="Last day, included (default: yesterday in India)."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Compare and print; change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        end = options["end"] or indian_day(now) - ONE_DAY
        try:
            tally = reconcile_days(
                start=options["start"] or end,
                end=end,
                now=now,
                dry_run=options["dry_run"],
                on_day=self.show_day,
            )
        except DaysOutOfRange as refusal:
            raise CommandError(refusal.detail, returncode=BAD_INPUT) from refusal
        except GatewayError as error:
            sentence = f"The gateway could not be compared with: {error.detail or error}"
            raise CommandError(sentence, returncode=GATEWAY_SILENT) from error
        self.show_table(tally, dry_run=options["dry_run"])
        if tally.open:
            raise SystemExit(1)

    def show_day(self, day: date, tally: Tally) -> None:
        if self.stdout.isatty():
            self.stdout.write(
                f"{day}  so far: {tally.payments} payments, {tally.refunds} refunds, "
                f"{tally.settled} settled, {tally.healed} healed, {tally.open} open"
            )

    def show_table(self, tally: Tally, *, dry_run: bool) -> None:
        if dry_run:
            self.stdout.write("Dry run: nothing was changed.")
        self.stdout.write(
            f"{tally.payments} payments, {tally.refunds} refunds, {tally.settled} settled lines; "
            f"{tally.foreign} foreign, {tally.filled_in} completed, "
            f"{tally.vanished} breaks show no more."
        )
        row = "{:<14}{:>7}{:>18}{:>8}{:>6}{:>8}"
        self.stdout.write(row.format("break", "count", "difference", "healed", "open", "closed"))
        for kind, line in sorted(tally.lines.items()):
            difference = money.format_inr(line.difference_paise)
            numbers = (line.count, difference, line.healed, line.open, line.closed)
            self.stdout.write(row.format(kind, *numbers))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-11-23") from None
