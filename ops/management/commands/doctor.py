"""`manage.py doctor`: what would bite in production, and the remedy."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from notevault.kit import clock
from ops.doctor import paper
from ops.doctor.finding import Finding, Visit
from ops.doctor.visiting import DATABASE, examine
from ops.health.own_connection import own_connections


class Command(BaseCommand):
    help = (
        "Look at everything that bites in production, and say of each whether it is well and what "
        "to do. Exits with 1 when a line fails; with --strict, when one warns. Asks nobody outside "
        "of the house without --online, and sends nothing without --send or --send-mail-to."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        topics = list(dict.fromkeys([DATABASE, *settings.DOCTOR]))
        parser.add_argument("--only", default="", choices=topics, metavar="NAME", help=_any(topics))
        parser.add_argument("--json", action="store_true", help="For programs.")
        parser.add_argument("--strict", action="store_true", help="A warning fails too.")
        parser.add_argument(
            "--online",
            action="store_true",
            help="Ask gateway, file store and mail server.",
        )
        parser.add_argument("--send", action="store_true", help="A test alert by every channel.")
        parser.add_argument("--send-mail-to", default="", metavar="ADDRESS", help="A test mail.")
        parser.add_argument("--pods", type=int, default=10, help="Of the web (%(default)s).")
        parser.add_argument("--worker-pods", type=int, default=2, help="Workers (%(default)s).")

    def handle(self, *args: Any, **options: Any) -> None:
        visit = Visit(
            now=clock.now(),
            is_production=not settings.DEBUG,
            pods=options["pods"],
            worker_pods=options["worker_pods"],
            online=options["online"],
            send=options["send"],
            mail_to=options["send_mail_to"],
        )
        # What a probe provokes would stand between the lines, and in the JSON.
        logging.disable(logging.CRITICAL)
        try:
            found = self.visit(visit, only=options["only"], as_json=options["json"])
        finally:
            logging.disable(logging.NOTSET)
        counts = paper.counts(found)
        if counts["fail"] or (options["strict"] and counts["warn"]):
            raise SystemExit(1)

    def visit(self, visit: Visit, *, only: str, as_json: bool) -> list[tuple[str, Finding]]:
        found: list[tuple[str, Finding]] = []
        with own_connections():
            for topic, finding in examine(visit, only=only):
                found.append((topic, finding))
                if not as_json:
                    self.show(topic, finding)
        self.stdout.write(paper.as_json_text(found) if as_json else f"\n{paper.summary(found)}")
        return found

    def show(self, topic: str, finding: Finding) -> None:
        width = max(map(len, [DATABASE, *settings.DOCTOR]))
        colour = self.stdout.isatty() and self.style.SUCCESS("ok") != "ok"
        for line in paper.lines(topic, finding, width=width, colour=colour):
            self.stdout.write(line)


def _any(topics: list[str]) -> str:
    return f"One of {', '.join(topics)}."
