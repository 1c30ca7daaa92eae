"""Housekeeping of the queue, the dead letters and the cache."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.jobs import Job, Status

from notevault.kit import clock
from ops import bulk, jobs, replay, upkeep
from ops.heartbeats import STALLED_AFTER_S
from ops.jobs import Queue, Retries, RetryLater, periodic
from ops.selection import Selection

KEEP_JOBS_HOURS = 72

log = structlog.get_logger("notevault.jobs")


class WorkerKilled(RetryLater):
    """The job's worker died under it, again and again."""


@periodic("* * * * * */10", queue="ops")
def retry_stalled_jobs() -> None:
    """Give the jobs of a killed worker back to the queue.

    One that was under way at as many deaths as it may have runs is taken for their cause,
    and buried; a periodic one is left to its next run. One that can be neither given back
    nor buried keeps no other.
    """
    manager = Queue(DjangoConnector())
    stalled = async_to_sync(manager.get_stalled_jobs)(seconds_since_heartbeat=STALLED_AFTER_S)
    for job in stalled:
        log.warning("job.stalled", task=job.task_name, job_id=job.id)
        try:
            _give_back_or_bury(job, manager)
        except Exception:
            log.exception("job.not_given_back", task=job.task_name, job_id=job.id)


def _give_back_or_bury(job: Job, manager: Queue) -> None:
    error = WorkerKilled("the worker died during every one of its runs")
    retries = _retries_of(job.task_name)
    if not (retries or Retries()).is_last(error, job.attempts):
        async_to_sync(manager.retry_job)(job)
        return
    if retries is not None:
        jobs.give_up(job, error)
    async_to_sync(manager.finish_job)(job, status=Status.FAILED, delete_job=False)


def _retries_of(task_name: str) -> Retries | None:
    """None for a periodic task, which is never buried."""
    task = app.tasks.get(task_name)
    strategy = task.retry_strategy if task else Retries()
    return strategy if isinstance(strategy, Retries) else None


@periodic("* * * * * */30", queue="ops")
def replay_due() -> None:
    """Replay the dead letters whose time has come."""
    replay.replay_due(now=clock.now())


@jobs.job(queue="ops", kind="letters")
def act_on_letters(
    *,
    deed: bulk.Deed,
    selection: dict[str, Any],
    why: str,
    actor_id: str | None,
    after: str | None,
) -> None:
    bulk.run_batch(
        deed=deed,
        selection=Selection.from_json(selection),
        why=why,
        actor_id=UUID(actor_id) if actor_id else None,
        after=UUID(after) if after else None,
        now=clock.now(),
    )


@periodic("*/5 * * * *", queue="ops")
def keep_letters_whole() -> None:
    """What gave up unseen is buried; a letter whose replay vanished is opened again."""
    upkeep.bury_unseen(now=clock.now())
    upkeep.reopen_stuck(now=clock.now())


@periodic("17 * * * *", queue="ops")
def remove_what_is_over() -> None:
    """Drop jobs that are over after three days, dead letters that are closed after their
    time, and expired cache rows.

    A job that failed has its letter, but for a periodic one, whose next run did its work.
    """
    keep_letters_whole()
    manager = Queue(DjangoConnector())
    async_to_sync(manager.delete_old_jobs)(
        nb_hours=KEEP_JOBS_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
    )
    now = clock.now()
    upkeep.remove_over(
        before=now - settings.DEAD_LETTERS_KEPT,
        staying=import_string(settings.DISCARDED_LETTERS_THAT_STAY),
        now=now,
    )
    if hasattr(cache, "delete_expired"):
        cache.delete_expired()
