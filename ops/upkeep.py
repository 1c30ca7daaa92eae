"""What keeps the dead letters whole and bounded: nothing that gave up is missing, no replay is
stuck, and what is over is removed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import Exists, OuterRef, QuerySet
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from ops import jobs
from ops.models import DeadLetter, FailedRun
from ops.states import LetterState
from ops.transactions import use_case

BATCH = 500
# Longer than a job goes on trying: what has no letter by then had success at last.
KEEP_RUNS = timedelta(days=4)

log = structlog.get_logger("notevault.jobs")


class EndedUnseen(Exception):
    """A job that the queue has as failed, and that nobody buried."""


def bury_unseen(*, now: datetime) -> int:
    """Bury the jobs that failed without a letter; gives how many. One that cannot be buried
    is logged, and keeps no other.

    So ends a job whose task is of another release, or whose database went away just when
    it was to be buried. A periodic job is left to its next run.
    """
    known = FailedRun.objects.filter(job_id=OuterRef("pk"), letter__isnull=False)
    lettered = DeadLetter.objects.filter(job_id=OuterRef("pk")).exclude(state=LetterState.RETRYING)
    failed = ProcrastinateJob.objects.filter(status="failed").exclude(args__has_key="timestamp")
    unseen = failed.exclude(Exists(known)).exclude(Exists(lettered)).order_by("pk")[:BATCH]
    return sum(_try_to_bury(row, now) for row in unseen)


def _try_to_bury(row: ProcrastinateJob, now: datetime) -> bool:
    try:
        jobs.give_up(_as_job(row), _reason(row.task_name), now=now)
    except Exception:
        log.exception("job.not_buried", task=row.task_name, job_id=row.pk)
        return False
    return True


def _as_job(row: ProcrastinateJob) -> Job:
    """As the worker had it during its last run, which counts as an attempt since."""
    return Job(
        id=row.pk,
        queue=row.queue_name,
        lock=row.lock,
        queueing_lock=row.queueing_lock,
        task_name=row.task_name,
        task_kwargs=row.args,
        attempts=max(row.attempts - 1, 0),
    )


def _reason(task: str) -> Exception:
    if task not in jobs.declared:
        return jobs.TaskIsGone(f"There is no task {task} in this release.")
    return EndedUnseen("It failed, and its error is in the log only.")


@use_case
def reopen_stuck(*, now: datetime) -> int:
    """Open the letters again whose replay is in the queue no more: it was cancelled there, or
    removed. Gives how many."""
    alive = ProcrastinateJob.objects.filter(pk=OuterRef("job_id"), status__in=("todo", "doing"))
    stuck = DeadLetter.objects.filter(~Exists(alive), state=LetterState.RETRYING)
    reopened = 0
    for letter_id, job_id in stuck.values_list("pk", "job_id")[:BATCH]:
        # Somebody may have opened and replayed it since: that is another job.
        same = DeadLetter.objects.filter(pk=letter_id, job_id=job_id, state=LetterState.RETRYING)
        letter = same.select_for_update().first()
        if letter is not None:
            reopened += _reopen(letter, now)
    return reopened


def _reopen(letter: DeadLetter, now: datetime) -> bool:
    revival = jobs.revival_of(letter.task)
    due = revival.next_at(buried_at=letter.buried_at, now=now) if revival else None
    return letter.move(LetterState.OPEN, why="its replay has vanished", now=now, next_replay_at=due)


def remove_over(*, before: datetime, staying: Collection[str], now: datetime) -> int:
    """Remove the letters that were resolved or discarded before, with their runs and moves;
    gives how many. Never one that is open.

    `staying` are tasks whose discarded letters stay: they alone say why something that was
    accepted is not done.
    """
    over = DeadLetter.objects.filter(closed_at__lt=before).exclude(
        state=LetterState.DISCARDED, task__in=staying
    )
    removed = 0
    while count := _remove_batch(over):
        removed += count
    FailedRun.objects.filter(letter=None, at__lt=now - KEEP_RUNS).delete()
    return removed


@use_case
def _remove_batch(over: QuerySet[DeadLetter]) -> int:
    locked = over.order_by("closed_at").select_for_update(skip_locked=True)
    letter_ids: list[UUID] = list(locked.values_list("pk", flat=True)[:BATCH])
    DeadLetter.objects.filter(pk__in=letter_ids).delete()
    return len(letter_ids)
