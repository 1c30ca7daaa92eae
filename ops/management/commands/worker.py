"""`manage.py worker`: runs background jobs until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from procrastinate.contrib.django import app

from ops.heartbeats import HEARTBEAT_S, STALLED_AFTER_S


class Command(BaseCommand):
    help = (
        "Run background jobs and the schedule. SIGTERM or Ctrl+C: take no new job, finish "
        "those under way, exit 0. It exits with 1 when it stops by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--queue", action="append", help="Serve only this queue; may be repeated."
        )
        parser.add_argument(
            "--concurrency",
            type=int,
            default=settings.WORKER_CONCURRENCY,
            help="Jobs at once (default: %(default)s).",
        )
        parser.add_argument(
            "--once", action="store_true", help="Exit when the queue is empty, for scripts."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["concurrency"] < 1:
            self.stderr.write("--concurrency must be at least 1.")
            raise SystemExit(2)
        self.stdout.write(f"Worker: {options['concurrency']} jobs at once. Ctrl+C stops it.")
        connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]
        with app.replace_connector(connector):
            was_asked = asyncio.run(self.work(options))
        if not was_asked and not options["once"]:
            # Its database went away, mostly. Whoever supervises it starts a new one.
            raise CommandError("The worker stopped by itself; see the log for the reason.")
        self.stdout.write("Worker: drained.")

    async def work(self, options: dict[str, Any]) -> bool:
        """True when it ended because it was asked to."""
        async with app.open_async():
            running = asyncio.ensure_future(
                app.run_worker_async(
                    queues=options["queue"],
                    concurrency=options["concurrency"],
                    wait=not options["once"],
                    install_signal_handlers=False,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=STALLED_AFTER_S,
                    fetch_job_polling_interval=1.0,
                )
            )
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, running.cancel)
            try:
                await running
            except asyncio.CancelledError:
                return True
            return False
