"""`manage.py migrate`: Django's, which waits its turn beside traffic."""

from __future__ import annotations

from argparse import ArgumentTypeError
from time import monotonic, sleep
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.migration import Migration

from ops import unfinished_indexes

TRIES = 30
LONGEST_PAUSE_S = 5.0
LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"

# Without its statement, which may quote values.
_OLDEST = """
SELECT pid, coalesce(nullif(application_name, ''), usename), state,
       extract(epoch FROM clock_timestamp() - xact_start)::float
FROM pg_stat_activity
WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
ORDER BY xact_start LIMIT 1
"""
# Of a role that we are not a member of, pg_stat_activity shows no transaction.
_WHO_IS_BLIND = """
SELECT current_user FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND NOT pg_has_role(usesysid, 'USAGE') AND NOT pg_has_role('pg_read_all_stats', 'USAGE')
LIMIT 1
"""


class Command(migrate.Command):
    """A migration gives up its place in the queue for a lock after a second (`lock_timeout`),
    before those behind it notice. Here it comes again after a pause.

    An atomic migration that gave up has done nothing. Of one that is not, what it has made
    stays, and the next try goes on after it; an index that is unfinished is dropped first.
    """

    help = (
        "Apply migrations beside traffic: one that does not get its lock within "
        "DATABASE_LOCK_TIMEOUT (1 s) tries again after a pause, an index that an earlier try "
        "left unfinished is dropped first. Exits with 1 when the last try was in vain."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--tries",
            type=_tries,
            default=TRIES,
            help="How often a lock is tried for (default: %(default)s, some three minutes).",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        for number in range(1, options["tries"] + 1):
            self.note(None)
            try:
                if not (options["plan"] or options["check_unapplied"] or options["fake"]):
                    self.drop_unfinished_indexes(connection)
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if connection.in_atomic_block or not _is_for_a_lock(error):
                    raise
            self.wait_for_the_next(number, options["tries"], connection)

    def drop_unfinished_indexes(self, connection: BaseDatabaseWrapper) -> None:
        for name in unfinished_indexes.drop_those_of_waiting_migrations(connection):
            self.stdout.write(f"Dropped {name}, which an earlier try left unfinished.")

    def wait_for_the_next(self, number: int, tries: int, connection: BaseDatabaseWrapper) -> None:
        """Pause; CommandError when there is no try left."""
        seconds = monotonic() - self.begun_at
        told = (
            f"{self.under_way or 'The command'} gave up after {seconds:.1f} s: others hold a "
            f"lock that it needs.{_oldest_transaction(connection)}"
        )
        if number >= tries:
            raise CommandError(
                f"{told} That was try {number} of {tries}. What was applied before it stays "
                "applied; run `manage.py migrate` again when that transaction has ended."
            )
        pause_s = min(LONGEST_PAUSE_S, 0.5 * 2 ** (number - 1))
        self.stdout.write(f"\n{told} Try {number + 1} of {tries} follows in {pause_s:g} s.")
        sleep(pause_s)

    def migration_progress_callback(
        self, action: str, migration: Migration | None = None, fake: bool = False
    ) -> None:
        if action in ("apply_start", "unapply_start"):
            self.note(migration)
        elif action in ("apply_success", "unapply_success"):
            self.note(None)
        super().migration_progress_callback(action, migration, fake)

    def note(self, migration: Migration | None) -> None:
        """What is done from now on; None is what the command does besides."""
        self.under_way, self.begun_at = migration, monotonic()


def _is_for_a_lock(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") in (LOCK_NOT_AVAILABLE, DEADLOCK)


def _oldest_transaction(connection: BaseDatabaseWrapper) -> str:
    """Who holds it, most likely, or why that cannot be seen."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST)
        row = cursor.fetchone()
        cursor.execute(_WHO_IS_BLIND)
        blind = cursor.fetchone()
    told = ""
    if row is not None:
        pid, name, state, seconds = row
        told = f" The oldest transaction is {seconds:.0f} s old: pid {pid}, {name}, {state}."
    if blind is not None:
        role = connection.ops.quote_name(blind[0])
        told += (
            " Transactions of other roles cannot be seen; "
            f"GRANT pg_read_all_stats TO {role} would show them."
        )
    return told


def _tries(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 1000:
        raise ArgumentTypeError("a whole number from 1 to 1000")
    return int(text)
