"""`manage.py worker`: runs background jobs until it is told to stop."""

from __future__ import annotations

import asyncio
from argparse import ArgumentParser
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.psycopg_connector import PsycopgConnector

from notevault.db import pgbouncer, pool
from notevault.kit import interpreter
from ops.heartbeats import HEARTBEAT_S, STALLED_AFTER_S
from ops.metrics.server import PortUnusable, serving
from ops.transactions import close_pools
from ops.worker import DrainingWorker

log = structlog.get_logger("notevault.worker")


class Command(BaseCommand):
    help = (
        "Run background jobs and the schedule. SIGTERM or Ctrl+C: take no new job, finish "
        "those under way or give them back after WORKER_GRACE_S, exit 0; a second one gives "
        "back at once. It exits with 1 when it stops by itself."
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
        connector = PsycopgConnector(kwargs=connector_params(), pool_factory=pool.of_worker)
        try:
            with app.replace_connector(connector):
                was_told = asyncio.run(self.work(options))
        except PortUnusable as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["once"]:
            return
        close_pools()
        if not was_told:
            # Its database went away, mostly. Whoever supervises it starts a new one.
            log.error("worker.stopped_by_itself")
            raise SystemExit(1)
        log.info("worker.down")

    async def work(self, options: dict[str, Any]) -> bool:
        """True when it ended because it was told to."""
        async with app.open_async():
            worker = DrainingWorker(
                app,
                queues=options["queue"],
                concurrency=options["concurrency"],
                wait=not options["once"],
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_AFTER_S,
                fetch_job_polling_interval=1.0,
                # A session that listens would stay behind in PgBouncer, for others to hear.
                listen_notify=not pgbouncer.is_between(),
            )
            # Whoever hears that it lives may tell it to stop.
            with serving(port=0 if options["once"] else settings.WORKER_PORT):
                interpreter.tune()
                return await worker.run()
