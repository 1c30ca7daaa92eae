"""The development database by hand: start, stop, look, and psql."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, connections

from notevault import embedded

ACTIONS = {
    "start": "start it, and make it first when there is none",
    "stop": "stop it; its data stays, and the next program that needs it starts it again",
    "status": "say whether it runs and where its files are; exits 0 if it runs, 3 if not",
    "psql": "open psql on it; what follows goes to psql: devdb psql -c 'select 1'",
}
NOT_RUNNING = 3  # as `pg_ctl status` and systemd's `systemctl status` have it


class Command(BaseCommand):
    help = (
        "The PostgreSQL that starts itself while DATABASE_URL is unset. "
        "To start over: `devdb stop`, then delete the data folder that `devdb status` shows."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="action")
        for name, explanation in ACTIONS.items():
            action = actions.add_parser(name, help=explanation, description=explanation)
            if name == "psql":
                action.add_argument("arguments", nargs="*", metavar="argument")

    def run_from_argv(self, argv: list[str]) -> None:
        # What follows `psql` is psql's, its options too.
        if argv[2:3] == ["psql"]:
            argv = [*argv[:3], "--", *argv[3:]]
        super().run_from_argv(argv)

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            getattr(self, action)(_server(), **options)
        except embedded.EmbeddedPostgresError as error:
            raise CommandError(str(error)) from error

    def start(self, server: embedded.Server, **_: Any) -> None:
        server.ensure_running()
        self._describe(server.status())

    def stop(self, server: embedded.Server, **_: Any) -> None:
        stopped = server.stop()
        self.stdout.write("Stopped." if stopped else "It was not running.")

    def status(self, server: embedded.Server, **_: Any) -> None:
        status = server.status()
        self._describe(status)
        if not status.running:
            sys.exit(NOT_RUNNING)

    def psql(self, server: embedded.Server, *, arguments: list[str], **_: Any) -> None:
        server.ensure_running()
        connection = connections[DEFAULT_DB_ALIAS]
        command, env = connection.client.settings_to_cmd_args_env(
            connection.settings_dict, arguments
        )
        sys.stdout.flush()
        os.execve(command[0], list(command), {**os.environ, **(env or {})})  # noqa: S606

    def _describe(self, status: embedded.Status) -> None:
        if status.running:
            self.stdout.write(f"PostgreSQL {status.version} is running (pid {status.pid}).")
        elif status.version:
            self.stdout.write(f"PostgreSQL {status.version} is not running.")
        else:
            self.stdout.write("Not running, and not made yet: the first start makes it.")
        self.stdout.write(f"  socket  {status.socket_dir} (port {status.port})")
        self.stdout.write(f"  data    {status.data_dir}")
        self.stdout.write(f"  log     {status.log}")


def _server() -> embedded.Server:
    base_dir = settings.DATABASES[DEFAULT_DB_ALIAS].get("EMBEDDED")
    if not base_dir:
        raise CommandError(
            "The devdb is not in use: DATABASE_URL is set, and names the database. "
            "Unset it (look in .env too) to use the devdb, or use `manage.py dbshell`."
        )
    return embedded.server(Path(base_dir))
