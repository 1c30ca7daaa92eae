"""`manage.py release_escrow`: what the hourly job does, by hand."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notevault.kit import clock, money
from payments import escrow


class Command(BaseCommand):
    help = (
        "Make the sellers' shares available whose week in escrow is over. An order that "
        "somebody else works on is left to the next run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Say how much is due, and change nothing."
        )
        parser.add_argument("--limit", type=int, help="Order lines at most (default: all).")

    def handle(self, *args: Any, **options: Any) -> None:
        now, limit = clock.now(), options["limit"]
        if limit is not None and limit < 1:
            raise CommandError("--limit must be at least 1.", returncode=2)
        if options["dry_run"]:
            self.say(escrow.due(now), "due; dry run, nothing was changed")
            return
        lines = paise = 0
        for batch in escrow.release_due(now=now, limit=limit):
            lines, paise = lines + batch.lines, paise + batch.paise
            if self.stdout.isatty():
                self.say(escrow.Released(lines, paise), "so far")
        self.say(escrow.Released(lines, paise), "released")

    def say(self, what: escrow.Released, word: str) -> None:
        self.stdout.write(f"{what.lines} lines, {money.format_inr(what.paise)} {word}.")
