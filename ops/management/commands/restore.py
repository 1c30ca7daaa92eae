"""`manage.py restore`: a backup into an empty database, or in the place of another's contents."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from ops.backup import restoring
from ops.backup.database import at, configured
from ops.backup.desk import Progress, answering, place, size
from ops.backup.manifest import Manifest, refuse_newer_schema
from ops.backup.refusal import BadRequest
from ops.backup.restoring import Target
from ops.backup.shelf import find_backup_for, names_dump, read_manifest

CONFIGURED = "configured"


class Command(BaseCommand):
    help = (
        "Restore a backup in one transaction: afterwards the database holds it, or what it held "
        "before. Refuses a database that is not empty, a newer schema than this code knows, and "
        "a dump or manifest that is not as it was written. Exits with 1 when it failed or "
        "refused, with 2 for a request that makes no sense."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            default="",
            help="A folder or bucket for its newest backup of the database of that name, or one "
            ".dump in it (default: BACKUP_URL).",
        )
        parser.add_argument(
            "--into",
            required=True,
            help=f"A database's URL; `{CONFIGURED}` is the one that this application works on.",
        )
        parser.add_argument(
            "--force", action="store_true", help="Drop what the database holds, after asking."
        )
        parser.add_argument(
            "--yes-drop", default="", metavar="NAME", help="The answer to that, for scripts."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Check all that can be; change nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        into = options["into"]
        with answering():
            database = configured() if into == CONFIGURED else at(into)
            source = place(options["source"])
            store, name = find_backup_for(source, target=database.name)
            backup = read_manifest(store, name)
            refuse_newer_schema(backup)
            target = restoring.look_at(database, backup)
            if not options["force"]:
                restoring.refuse_non_empty(target)
            if not names_dump(source):
                restoring.refuse_another(target, backup)
            self.announce(target, backup)

            def use(path: Path) -> None:
                if options["dry_run"]:
                    self.stdout.write("Dry run: the dump is whole; nothing was changed.")
                    return
                self.demand_consent(target, options["yes_drop"])
                self.put_back(path, target)
                self.say_what_next(backup)

            progress = Progress("Checking", self.stdout)  # type: ignore[arg-type]
            restoring.fetch_checked(store, backup, on_bytes=progress, use=use)

    def announce(self, target: Target, backup: Manifest) -> None:
        self.stdout.write(
            f"{backup.name}: {backup.database} as it was at {backup.started_at:%Y-%m-%d %H:%M:%S} "
            f"UTC, {size(backup.size_bytes)}, {sum(backup.rows.values()):,} rows."
        )
        if not target.contents.is_empty:
            self.stdout.write(f"{target.database} loses what it has: {target.contents}.")
        if target.contents.sessions:
            self.stdout.write(
                f"{target.contents.sessions} other sessions are connected to it. Stop web and "
                "worker first: what they write meanwhile is lost."
            )

    def demand_consent(self, target: Target, given: str) -> None:
        """Raises BadRequest unless somebody wrote the name of what is to be dropped."""
        name = target.database.name
        if target.contents.is_empty:
            return
        if not given and sys.stdin.isatty():
            given = input(f"Type the database's name, {name}, to drop what it has: ")
        if given != name:
            raise BadRequest(f"Nothing was changed. To drop what it has, add --yes-drop {name}")

    def put_back(self, path: Path, target: Target) -> None:
        progress = Progress("Restoring", self.stdout)  # type: ignore[arg-type]
        restoring.restore(path, target, on_bytes=progress)
        progress.done()

    def say_what_next(self, backup: Manifest) -> None:
        self.stdout.write(self.style.SUCCESS("Restored. Now, on that database:"))
        for step in restoring.next_steps(backup):
            self.stdout.write(f"  {step}")
