"""`manage.py backup`: the database as it is now, into a folder or a bucket."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from notevault.kit import clock
from ops.backup import taking
from ops.backup.database import Database, configured
from ops.backup.desk import Progress, answering, place, size
from ops.backup.places import open_store
from ops.backup.stores import Store, location


class Command(BaseCommand):
    help = (
        "Dump the database with pg_dump, beside a manifest with its SHA-256, the rows of each "
        "table and the schema's version. Whole or not at all: exits with 1 when it failed, with "
        "2 for a place that makes no sense, and then nothing new lies there. Exits with 1 too "
        "when the database could not write down a backup that is whole; that one stays."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to",
            default="",
            help="A folder, or file:///, s3:// or gs:// with one (default: BACKUP_URL).",
        )
        parser.add_argument(
            "--keep",
            type=_at_least_one,
            default=settings.BACKUP_KEEP or None,
            help="Afterwards remove all but the newest so many, and never the newest that was "
            "verified (default: BACKUP_KEEP, or remove none).",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Say what would be done; write nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with answering():
            database, store = configured(), open_store(place(options["to"]))
            if options["dry_run"]:
                self.tell(database, store, options["keep"])
            else:
                self.take(database, store, options["keep"])

    def take(self, database: Database, store: Store, keep: int | None) -> None:
        now = clock.now()
        progress = Progress("Dumping", self.stdout)  # type: ignore[arg-type]
        try:
            made, removed = taking.take_backup(
                database=database, store=store, keep=keep, now=now, on_bytes=progress
            )
        finally:
            progress.done()
        self.stdout.write(
            f"{location(store, made.name)}: {size(made.size_bytes)}, "
            f"{sum(made.rows.values()):,} rows in {len(made.rows)} tables, "
            f"{(made.finished_at - now).total_seconds():.1f} s."
        )
        for name in removed:
            self.stdout.write(f"Removed {name}.")

    def tell(self, database: Database, store: Store, keep: int | None) -> None:
        plan = taking.plan_backup(database=database, store=store, keep=keep, now=clock.now())
        self.stdout.write(
            f"Dry run: PostgreSQL {plan.server_version} would be dumped by pg_dump "
            f"{plan.clients.version} in {plan.clients.folder} to {location(store, plan.name)}; "
            f"the database takes {size(plan.database_bytes)}."
        )
        for name in plan.removed:
            self.stdout.write(f"Would remove {name}.")


def _at_least_one(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of backups: 1 or more")
    return int(text)
