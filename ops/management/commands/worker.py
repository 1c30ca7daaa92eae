"""`manage.py worker`: runs background jobs until it is told to stop."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from procrastinate.contrib.django import app

from ops.tasks import HEARTBEAT_S, STALLED_AFTER_S


class Command(BaseCommand):
    help = (
        "Run background jobs and the schedule. SIGTERM or Ctrl+C: take no new job, finish "
        "those under way (at most --grace seconds), exit 0."
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
        parser.add_argument("--grace", type=float, default=25.0, help="Seconds (%(default)s).")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["concurrency"] < 1:
            self.stderr.write("--concurrency must be at least 1.")
            raise SystemExit(2)
        self.stdout.write(f"Worker: {options['concurrency']} jobs at once. Ctrl+C stops it.")
        connector = app.connector.get_worker_connector()  # type: ignore[attr-defined]
        with app.replace_connector(connector):
            asyncio.run(self.work(options))
        self.stdout.write("Worker: drained.")

    async def work(self, options: dict[str, Any]) -> None:
        async with app.open_async():
            await app.run_worker_async(
                queues=options["queue"],
                concurrency=options["concurrency"],
                wait=not options["once"],
                shutdown_graceful_timeout=options["grace"],
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_AFTER_S,
                fetch_job_polling_interval=1.0,
            )
