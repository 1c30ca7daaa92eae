"""`manage.py payout_batch`: the bank's files from the command line."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from notevault.kit import clock, money
from notevault.kit.errors import DomainError
from payments import payouts
from payments.payouts.bank_files import MAX_BYTES
from payments.states import PayoutFormat


class Command(BaseCommand):
    help = (
        "`export` writes all approved payouts of one kind into a file for the bank and calls "
        "them exported; `import` takes the bank's answer. Exits with 1 when a line of the "
        "answer was refused, 2 when nothing could be done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(dest="deed", required=True)
        export = deeds.add_parser("export", help="Write a file for the bank.")
        export.add_argument("format", choices=PayoutFormat.values)
        export.add_argument("directory", type=Path, help="Where the file is written.")
        answer = deeds.add_parser("import", help="Take the bank's answer, a CSV.")
        answer.add_argument("file", type=Path)
        for deed in (export, answer):
            deed.add_argument("--dry-run", action="store_true", help="Only say what it would do.")

    def handle(self, *args: Any, **options: Any) -> None:
        deed = self.export if options["deed"] == "export" else self.take_answer
        try:
            deed(options)
        except (DomainError, OSError) as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal

    def export(self, options: dict[str, Any]) -> None:
        approved = payouts.list_approved(PayoutFormat(options["format"]))
        if options["dry_run"]:
            self.say(list(approved.values_list("amount_paise", flat=True)), "would be exported")
            return
        directory: Path = options["directory"]
        if not directory.is_dir():
            raise CommandError(f"There is no directory {directory}.", returncode=2)
        ids = list(approved.values_list("pk", flat=True))
        batch = payouts.make_batch(payout_ids=ids, actor_id=None, now=clock.now())
        path = directory / batch.file_name
        path.touch(mode=0o600)
        path.write_bytes(batch.content.encode())
        amounts = batch.payouts.values_list("amount_paise", flat=True)
        self.say(list(amounts), f"exported to {path}")

    def say(self, amounts: list[int], what: str) -> None:
        self.stdout.write(f"{len(amounts)} payouts, {money.format_inr(sum(amounts))} {what}.")

    def take_answer(self, options: dict[str, Any]) -> None:
        with options["file"].open("rb") as file:
            answers = payouts.read_answers(file.read(MAX_BYTES + 1))
        verdicts = (
            payouts.preview_answers(answers, actor_id=None)
            if options["dry_run"]
            else payouts.apply_answers(answers, actor_id=None, now=clock.now())
        )
        for verdict in verdicts:
            answer = verdict.answer
            self.stdout.write(f"{answer.line:>5}  {answer.name}  {verdict.sentence}")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was changed.")
        counts = Counter(verdict.result for verdict in verdicts)
        self.stdout.write(", ".join(f"{counts[result]} {result}" for result in payouts.Result))
        if counts[payouts.Result.REFUSED]:
            raise SystemExit(1)
