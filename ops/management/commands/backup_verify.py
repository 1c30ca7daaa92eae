"""`manage.py backup_verify`: the newest backup, restored and proved."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ops.backup.database import at, configured
from ops.backup.desk import Progress, answering, place
from ops.backup.shelf import find_backup
from ops.backup.verifying import Verdict, verify


class Command(BaseCommand):
    help = (
        "Restore a backup into a scratch database of the same server, compare the rows of each "
        "table with the manifest's, run verify_ledger on them, and drop the scratch. Exits with "
        "0 when all agree, 1 when the backup is bad or could not be tried, 2 for a request that "
        "makes no sense."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            default="",
            help="A folder or bucket for the newest backup of this database in it, or one .dump "
            "(default: BACKUP_URL).",
        )
        parser.add_argument(
            "--into",
            default="",
            help="The URL of an empty database to use as the scratch; it is emptied afterwards.",
        )
        parser.add_argument("--json", action="store_true", help="The verdict as one object.")

    def handle(self, *args: Any, **options: Any) -> None:
        with answering():
            home = configured()
            into = at(options["into"]) if options["into"] else None
            store, name = find_backup(place(options["source"]), database=home.name)
            # Standard output is the verdict's alone.
            progress = Progress("Verifying", self.stderr)  # type: ignore[arg-type]
            try:
                verdict = verify(store=store, name=name, home=home, into=into, on_bytes=progress)
            finally:
                progress.done()
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_json(), indent=2))
        else:
            self.show(verdict)
        if not verdict.is_good:
            raise SystemExit(1)

    def show(self, verdict: Verdict) -> None:
        for problem in verdict.problems:
            self.stdout.write(self.style.ERROR(problem))
        if verdict.is_good:
            facts = verdict.as_json()
            self.stdout.write(
                self.style.SUCCESS(
                    f"{verdict.location}: {facts['rows']:,} rows in {facts['tables']} tables are "
                    f"as they were, and every promise holds. {facts['seconds']} s."
                )
            )
        else:
            self.stdout.write(self.style.ERROR(f"{verdict.location} is bad."))
