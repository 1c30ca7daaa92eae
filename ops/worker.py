"""A worker that can be told to stop: it finishes its jobs, or gives them back.

At the first SIGTERM or SIGINT it takes no job more and waits WORKER_GRACE_S for those under
way; at the second one, or when that time is over, what still runs goes back to the queue.
Jobs run at least once, so another worker may simply begin them again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

import structlog
from django.conf import settings
from procrastinate import App, exceptions
from procrastinate.jobs import Status
from procrastinate.worker import Worker

from ops import draining

# Between the grace of its jobs and the kill, thirty seconds after the signal.
GIVE_BACK_S = 3.0

log = structlog.get_logger("notevault.worker")


class DrainingWorker:
    """Runs jobs of `app`, which is open, until it is told to stop or, unless `wait`, until
    none is left. It hears signals from the moment it is made, inside of a running loop."""

    def __init__(
        self,
        app: App,
        *,
        queues: Iterable[str] | None,
        concurrency: int,
        wait: bool,
        **options: Any,
    ) -> None:
        app.perform_import_paths()
        self.app = app
        self.queues = sorted(queues or [])
        ours = {"queues": queues, "concurrency": concurrency, "wait": wait, **options}
        # Its app's defaults give each job a connection that works.
        self.worker = Worker(
            app, **{**app.worker_defaults, **ours, "install_signal_handlers": False}
        )
        self.was_told = asyncio.Event()
        self.was_told_again = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop)

    async def run(self) -> bool:
        """True when it ended because it was told to."""
        running = asyncio.ensure_future(self.worker.run())
        log.info(
            "worker.up",
            queues=self.queues,
            concurrency=self.worker.concurrency,
            # Otherwise a new job waits until it is polled for.
            listens=self.worker.listen_notify,
        )
        told = asyncio.ensure_future(self.was_told.wait())
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        if self.was_told.is_set():
            await self.drain(running)
        told.cancel()
        await running
        return self.was_told.is_set()

    def stop(self) -> None:
        """Called once for each signal."""
        draining.begin()
        if self.was_told.is_set():
            self.was_told_again.set()
        self.was_told.set()
        self.worker.stop()

    async def drain(self, running: asyncio.Future[Any]) -> None:
        log.info("worker.draining", grace_s=settings.WORKER_GRACE_S)
        again: asyncio.Future[Any] = asyncio.ensure_future(self.was_told_again.wait())
        await asyncio.wait(
            {running, again},
            timeout=settings.WORKER_GRACE_S,
            return_when=asyncio.FIRST_COMPLETED,
        )
        again.cancel()
        if not running.done():
            await self.leave()

    async def leave(self) -> None:
        """Does not return: the threads of the jobs could not be ended otherwise."""
        code = 0
        giving_back = asyncio.ensure_future(self.give_back())
        # Not `wait_for`, which waits for the end of what it cancels: a query of a database
        # that hangs does not end by that either.
        await asyncio.wait({giving_back}, timeout=GIVE_BACK_S)
        try:
            giving_back.result()
        except (exceptions.ConnectorException, asyncio.InvalidStateError):
            # Other workers find the jobs by our silence.
            log.exception("worker.gave_nothing_back")
            code = 1
        log.info("worker.down")
        sys.stdout.flush()
        os._exit(code)

    async def give_back(self) -> None:
        manager, worker_id = self.app.job_manager, self.worker.worker_id
        if worker_id is None:
            return
        under_way = await manager.list_jobs_async(status=Status.DOING.value, worker_id=worker_id)
        for job in under_way:
            try:
                await manager.retry_job(job)
            except exceptions.ConnectorException:
                pass  # it has ended in this moment
            else:
                log.warning(
                    "job.given_back",
                    task=job.task_name,
                    job_id=job.id,
                    request_id=job.task_kwargs.get("request_id"),
                )
        await manager.unregister_worker(worker_id)
