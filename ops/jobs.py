"""The one door through which every background task is declared and deferred.

    @job(queue="payments", retries=Retries(attempts=8))
    def handle_event(*, event_id: str) -> None: ...

    jobs.defer("payments.tasks.handle_event", event_id=...)   # where it is needed

A job is a row written on Django's own connection, so it exists if and only if the
transaction around it commits. It carries the request id of whoever deferred it. Jobs run
at least once: a task must be safe to repeat. One that gives up becomes a dead letter.
"""

from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, transaction
from procrastinate import App, exceptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import DEFAULT_PRIORITY, Job, Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from procrastinate.tasks import configure_task

from notevault.kit import clock, crash
from notevault.kit.correlation import current_request_id, new_request_id
from notevault.kit.errors import DomainError
from ops import dead_letters, heartbeats
from ops.instruments import JOB_SECONDS, JOBS_FINISHED, timing
from ops.revival import Revival

log = structlog.get_logger("notevault.jobs")

_BEAT = (
    "UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker_id)s RETURNING id"
)

# Of a job that a person waits for; all others have procrastinate's 0.
URGENT = 10

# Long after whatever deferred the job has finished or died.
LATER = timedelta(hours=1)


class Queue(JobManager):
    """Of the jobs of one `once_per` key one waits: one that would wait beside it gives way.

    Procrastinate's own manager raises there, and the job stays under way for ever.
    """

    async def retry_job(self, job: Job, *args: Any, **options: Any) -> None:
        try:
            await super().retry_job(job, *args, **options)
        except exceptions.UniqueViolation:
            log.info("job.gave_way", task=job.task_name, job_id=job.id)
            await self.finish_job(job, status=Status.ABORTED, delete_job=False)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Remember that the database took it: one who was given up for dead finds no row."""
        taken = await self.connector.execute_query_all_async(_BEAT, worker_id=worker_id)
        if taken:
            heartbeats.note()


def use_queue(procrastinate_app: App) -> None:
    """Called by procrastinate once its app is made (see settings)."""
    procrastinate_app.job_manager = Queue(procrastinate_app.connector)


# In a worker, the app's manager writes on another connection, outside the transaction of
# the task that defers; this one never does.
_manager = Queue(DjangoConnector())


class RetryLater(Exception):
    """Raised by a task that is not at fault but cannot finish yet."""


NOT_AT_FAULT = (RetryLater, OperationalError, InterfaceError)


@dataclass(frozen=True)
class Retries(BaseRetryStrategy):
    """Exponential backoff with jitter: pauses of at most `first_s`, 2·`first_s`, … and
    `longest_s`, and at least half of that.

    `attempts` bounds the runs of a task that waits for somebody else. From the run number
    `errors` on, an error of its own is its last: poison gets no better by waiting. With a
    `revival` what gave up is tried again from its dead letter, without anybody's doing.
    """

    attempts: int = 8
    first_s: float = 1.0
    longest_s: float = 900.0
    errors: int = 8
    revival: Revival | None = None

    def is_last(self, error: BaseException, attempts: int) -> bool:
        """True when a run that ended in this error, after so many before it, was the last."""
        is_waiting = isinstance(error, NOT_AT_FAULT)
        most = self.attempts if is_waiting else min(self.attempts, self.errors)
        return attempts + 1 >= most

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if self.is_last(exception, job.attempts):
            return None
        return RetryDecision(
            retry_at=datetime.now(UTC) + timedelta(seconds=self.pause(job.attempts))
        )

    def pause(self, attempts: int) -> float:
        ceiling = min(self.longest_s, self.first_s * 2**attempts)
        return random.uniform(ceiling / 2, ceiling)  # noqa: S311 spreads load, keeps no secret


@dataclass(frozen=True)
class Declared:
    """A task that gives up into a dead letter; `kind` is what people call its work."""

    function: Callable[..., None]
    kind: str
    retries: Retries


declared: dict[str, Declared] = {}


def revival_of(task: str) -> Revival | None:
    """How its dead letters are tried again by themselves; None when they wait for a person."""
    return declared[task].retries.revival if task in declared else None


class TaskIsGone(DomainError):
    code = "replay_refused"


class ArgumentsDoNotFit(DomainError):
    code = "replay_refused"


def require(task: str, arguments: dict[str, Any]) -> None:
    """Nothing, when a job of such a task and arguments can run.

    Raises TaskIsGone when this release declares no such task, ArgumentsDoNotFit when it
    takes others.
    """
    if task not in declared:
        raise TaskIsGone(f"There is no task {task} in this release.")
    try:
        inspect.signature(declared[task].function).bind(**arguments)
    except TypeError as error:
        raise ArgumentsDoNotFit(f"{task} takes other arguments now: {error}.") from error


def defer(
    task: str, *, delay: timedelta | None = None, once_per: str | None = None, **arguments: Any
) -> int | None:
    """Write the job's row; gives its id. A step: call it inside the transaction it belongs to.

    `task` is the dotted path of a declared task: by name, because services stand below
    the tasks that call them. Arguments are JSON values. With `once_per`, one waiting job
    of that key is enough, and None is given when it waits already. KeyError when no such
    task is declared.
    """
    deferrer = configure_task(
        name=task,
        job_manager=_manager,
        queue=app.tasks[task].queue,
        priority=app.tasks[task].priority,
        schedule_at=datetime.now(UTC) + delay if delay else None,
        queueing_lock=once_per,
        task_kwargs={**arguments, "request_id": current_request_id() or new_request_id()},
    )
    try:
        if once_per is None:
            return deferrer.defer()
        with transaction.atomic():  # a refused insert must not spoil the caller's
            return deferrer.defer()
    except exceptions.AlreadyEnqueued:
        log.debug("job.already_waiting", task=task)
        return None
    except exceptions.ConnectorException as error:
        # Whoever repeats a deadlocked transaction must see it as Django shows it.
        if isinstance(error.__cause__, psycopg.OperationalError):
            raise OperationalError(str(error.__cause__)) from error.__cause__
        raise


def job(
    *,
    queue: str = "default",
    retries: Retries | None = None,
    kind: str = "",
    is_urgent: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare a background task. Its name is its dotted path: waiting jobs keep it.

    `kind` is what people call its work, beside dead letters: the queue's name unless given.
    `is_urgent` when somebody waits for it: of a rush of purchases the access comes first, and
    then the papers and the mails.
    """

    def declare(function: Callable[..., None]) -> Callable[..., None]:
        name = f"{function.__module__}.{function.__qualname__}"
        strategy = retries or Retries()
        declared[name] = Declared(function, kind or queue, strategy)

        def run(context: JobContext, /, **arguments: Any) -> None:
            _run_or_bury(function, name, strategy, context.job, arguments)

        priority = URGENT if is_urgent else DEFAULT_PRIORITY
        app.task(name=name, queue=queue, retry=strategy, pass_context=True, priority=priority)(run)
        return function

    return declare


def _run_or_bury(
    function: Callable[..., None],
    name: str,
    retries: Retries,
    job: Job,
    arguments: dict[str, Any],
) -> None:
    request_id = arguments.pop("request_id", "")
    letter_id = _letter_id(arguments.pop("dead_letter_id", None))
    began = time.monotonic()
    try:
        with timing(JOB_SECONDS, job.queue):
            _run_logged(function, name, request_id, arguments)
    except Exception as error:
        ms = round((time.monotonic() - began) * 1000)
        if retries.is_last(error, job.attempts):
            give_up(job, error, ms=ms)
        else:
            _note_failure(job, error, ms)
        raise
    if letter_id:
        dead_letters.resolve(letter_id=letter_id, now=clock.now())
    JOBS_FINISHED.labels(job.queue, name, "done").inc()
    crash.point("jobs.done_not_marked")


def _note_failure(job: Job, error: Exception, ms: int) -> None:
    JOBS_FINISHED.labels(job.queue, job.task_name, "retried").inc()
    if not isinstance(error, NOT_AT_FAULT):
        dead_letters.note_failure(
            job_id=job.id or 0, run=job.attempts + 1, error=error, ms=ms, now=clock.now()
        )


def give_up(
    job: Job, error: BaseException, *, ms: int | None = None, now: datetime | None = None
) -> None:
    """Keep a job that is not tried again as a dead letter; its last run took `ms`."""
    known = declared.get(job.task_name)
    arguments = _named_arguments(job.task_kwargs)
    request_id = str(arguments.pop("request_id", ""))
    letter_id = _letter_id(arguments.pop("dead_letter_id", None))
    dead_letters.bury(
        kind=known.kind if known else job.queue,
        task=job.task_name,
        arguments=arguments,
        error=error,
        job_id=job.id or 0,
        attempts=job.attempts + 1,
        request_id=request_id,
        now=now or clock.now(),
        letter_id=letter_id,
        ms=ms,
        revival=revival_of(job.task_name),
    )
    JOBS_FINISHED.labels(job.queue, job.task_name, "buried").inc()
    log.error("job.buried", task=job.task_name, job_id=job.id)
    crash.point("dead_letter.buried")


def _named_arguments(arguments: Any) -> dict[str, Any]:
    """A copy. The queue takes any JSON from whoever writes to it; no task takes a list."""
    return dict(arguments) if isinstance(arguments, dict) else {"args": arguments}


def _letter_id(text: Any) -> UUID | None:
    """Of the letter that a job was replayed from; None when it names none."""
    try:
        return UUID(str(text))
    except ValueError:
        return None


def periodic(
    cron: str, *, queue: str = "default"
) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Declare a task that runs on a schedule, once for all workers.

    `cron` has five fields, or six with seconds last. A run that fails is not repeated:
    the next one does its work.
    """

    def declare(function: Callable[[], None]) -> Callable[[], None]:
        name = f"{function.__module__}.{function.__qualname__}"

        def run(*, timestamp: int = 0) -> None:
            _run_counted(function, name, queue)

        task: Any = app.task(name=name, queue=queue, queueing_lock=name)(run)
        app.periodic(cron=cron)(task)
        return function

    return declare


def _run_counted(function: Callable[..., None], name: str, queue: str) -> None:
    outcome = "failed"
    try:
        with timing(JOB_SECONDS, queue):
            _run_logged(function, name, "", {})
        outcome = "done"
    finally:
        JOBS_FINISHED.labels(queue, name, outcome).inc()


def _run_logged(
    function: Callable[..., None], name: str, request_id: str, arguments: dict[str, Any]
) -> None:
    with structlog.contextvars.bound_contextvars(
        request_id=request_id or new_request_id(), task=name
    ):
        try:
            function(**arguments)
        except RetryLater as reason:
            log.info("job.not_yet", reason=str(reason))
            raise
        except Exception:
            log.exception("job.failed")
            raise
        log.info("job.done")
