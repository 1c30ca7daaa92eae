"""`manage.py dead_letters`: look at jobs that gave up, run them again, or give them up for good."""

from __future__ import annotations

import json
import signal
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self, cast
from uuid import UUID

from django.core.management.base import BaseCommand, DjangoHelpFormatter

from notevault.kit import clock
from notevault.kit.errors import DomainError
from ops import bulk
from ops.management import letter_choice, letter_sheet
from ops.models import DeadLetter
from ops.selection import Selection

DONE, LEFT, REFUSED = range(3)
PAGE = 200
SLICE_S = 0.1
PROGRESS_S = 1.0
WORDS = {"replay": "put back into the queue", "discard": "discarded"}
ABOUT = """\
A job that gave up is a dead letter: open until it is replayed or discarded. A replay puts the
job back into the queue; the letter is `retrying` until the job has done its work (resolved) or
has given up again (open).

  manage.py dead_letters list --group
  manage.py dead_letters show 0198f0c2-17aa
  manage.py dead_letters replay --kind alert --dry-run
  manage.py dead_letters replay --fingerprint 5f0c2a91d4e3b876 --rate 5/s
  manage.py dead_letters discard --kind mail --older-than 7d --why "the addresses are dead"

Exit codes: 0 all of them were done; 1 nothing matches, or some were refused or left as they
were; 2 bad input, and nothing was done; 130 and 143 stopped by Ctrl+C or SIGTERM, between two
letters."""


class Help(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Keeps the lines of `ABOUT`."""


class Stop:
    """True from the first SIGTERM or Ctrl+C on; the next one is not caught any more."""

    number = 0

    def __enter__(self) -> Self:
        self._before = {
            number: signal.signal(number, self._ask) for number in (signal.SIGTERM, signal.SIGINT)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.number != 0

    def _ask(self, number: int, _: FrameType | None) -> None:
        self.number = number
        signal.signal(number, self._before[signal.Signals(number)])


class Command(BaseCommand):
    help = ABOUT

    def create_parser(self, prog_name: str, subcommand: str, **options: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=Help, **options)

    def add_arguments(self, parser: ArgumentParser) -> None:
        deeds = parser.add_subparsers(
            dest="deed", required=True, metavar="list|show|replay|discard"
        )
        seen = deeds.add_parser("list", help="Which there are, the last failed first.")
        letter_choice.add_filters(seen)
        seen.add_argument("--group", action="store_true", help="One line for each fault.")
        seen.add_argument("--limit", type=int, default=50, help="0: all (default: %(default)s).")
        seen.add_argument("--json", action="store_true", help="One array.")
        shown = deeds.add_parser("show", help="One with its arguments, failed runs and history.")
        shown.add_argument("id", help="Its id, or the beginning of it.")
        shown.add_argument("--json", action="store_true", help="One object.")
        replayed = deeds.add_parser("replay", help="Run the jobs again.")
        letter_choice.add_deed(replayed)
        discarded = deeds.add_parser("discard", help="Give the jobs up for good.")
        letter_choice.add_deed(discarded)
        discarded.add_argument("--why", required=True, help="The reason, which is kept.")

    def handle(self, *args: Any, **options: Any) -> None:
        looks = {"list": self.show_many, "show": self.show_one}
        looks.get(options["deed"], self.change)(options)

    def show_many(self, options: dict[str, Any]) -> None:
        now = clock.now()
        selection = letter_choice.chosen(options, now=now)
        if options["group"]:
            self.show_faults(selection, as_json=options["json"])
            return
        rows = selection.rows().order_by("-last_failed_at", "-pk")
        letters = [*(rows[: options["limit"]] if options["limit"] > 0 else rows)]
        if options["json"]:
            self.write_json([letter_sheet.as_json(letter) for letter in letters])
            return
        for line in letter_sheet.table(letters, now=now) if letters else ():
            self.stdout.write(line)
        self.stdout.write(f"{len(letters)} of {selection.rows().count()} letters.")

    def show_faults(self, selection: Selection, *, as_json: bool) -> None:
        faults = selection.faults()
        if as_json:
            self.write_json([vars(fault) for fault in faults])
            return
        for line in letter_sheet.table_of_faults(faults, now=clock.now()) if faults else ():
            self.stdout.write(line)
        self.stdout.write(f"{sum(f.letters for f in faults)} letters of {len(faults)} faults.")

    def show_one(self, options: dict[str, Any]) -> None:
        letter = letter_choice.only(options["id"])
        if options["json"]:
            self.write_json(letter_sheet.whole_as_json(letter))
            return
        for line in letter_sheet.sheet(letter):
            self.stdout.write(line)

    def write_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, default=str))

    def change(self, options: dict[str, Any]) -> None:
        selection = letter_choice.chosen_to_change(options, now=clock.now())
        actor_id, place = letter_choice.who(options["by"])
        why = f"replayed, {place}"
        if options["deed"] == "discard":
            why = f"{letter_choice.reason(options['why'])} ({place})"
        total = selection.rows().count()
        if not total:
            self.stderr.write("No letter matches; nothing was changed.")
            raise SystemExit(1)
        if options["dry_run"]:
            self.preview(options["deed"], selection, total)
            return
        with Stop() as stop:
            letters = paced(selection, rate=options["rate"], stop=stop)
            outcomes = self.act_on(letters, total, options["deed"], why, actor_id)
        self.sum_up(options["deed"], outcomes, total, stop)

    def preview(self, deed: str, selection: Selection, total: int) -> None:
        for line in letter_sheet.table_of_faults(selection.faults(), now=clock.now()):
            self.stdout.write(line)
        self.stdout.write(f"{total} letters would be {WORDS[deed]}. Dry run: nothing was changed.")

    def act_on(
        self,
        letters: Iterator[DeadLetter],
        total: int,
        deed: str,
        why: str,
        actor_id: UUID | None,
    ) -> Counter[int]:
        outcomes: Counter[int] = Counter()
        said_at = time.monotonic()
        for letter in letters:
            outcomes[self.act(letter, deed, why, actor_id)] += 1
            if self.stdout.isatty() and time.monotonic() - said_at > PROGRESS_S:
                said_at = time.monotonic()
                self.stdout.write(f"{outcomes.total()} of {total} so far")
        return outcomes

    def act(self, letter: DeadLetter, deed: str, why: str, actor_id: UUID | None) -> int:
        try:
            is_done = bulk.act(
                deed=cast(bulk.Deed, deed),
                letter_id=letter.pk,
                why=why,
                actor_id=actor_id,
                now=clock.now(),
            )
        except DomainError as refusal:
            self.stderr.write(f"{letter.pk}: {refusal.detail}")
            return REFUSED
        except DeadLetter.DoesNotExist:  # its time was over just now
            return LEFT
        if not is_done:
            self.stderr.write(f"{letter.pk}: left as it was, {letter.state}.")
        return DONE if is_done else LEFT

    def sum_up(self, deed: str, outcomes: Counter[int], total: int, stop: Stop) -> None:
        self.stdout.write(
            f"{outcomes[DONE]} {WORDS[deed]}, {outcomes[LEFT]} left as they were, "
            f"{outcomes[REFUSED]} refused."
        )
        if stop:
            self.stdout.write(f"Stopped after {outcomes.total()} of {total} letters.")
            raise SystemExit(128 + stop.number)
        if outcomes[DONE] < outcomes.total():
            raise SystemExit(1)


def paced(selection: Selection, *, rate: float, stop: Stop) -> Iterator[DeadLetter]:
    """Its letters, at most `rate` a second, until `stop`."""
    began, number = time.monotonic(), 0
    after = None
    while letters := selection.page(after=after, size=PAGE):
        for letter in letters:
            while not stop and (early := began + number / rate - time.monotonic()) > 0:
                time.sleep(min(early, SLICE_S))
            if stop:
                return
            yield letter
            number += 1
        after = letters[-1].pk
