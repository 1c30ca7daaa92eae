"""Background work: what waits, who does it, and what gave up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from health_check.exceptions import ServiceWarning
from procrastinate.contrib.django.models import ProcrastinateWorker

from ops.health.check import Check
from ops.heartbeats import STALLED_AFTER_S
from ops.models import DeadLetter
from ops.states import LetterState

# A worker that is killed is replaced within a minute.
LONGEST_WAIT_S = 120
MANY_LETTERS = 10
MOST_TASKS_SHOWN = 10

# A job without a time is due since its last event. Ids rise, so the lowest is the oldest.
_DUE = """
WITH due AS (
    SELECT queue_name, count(*) AS jobs, min(scheduled_at) AS scheduled_at,
           min(id) FILTER (WHERE scheduled_at IS NULL) AS first_id
    FROM procrastinate_jobs
    WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())
    GROUP BY queue_name
)
SELECT queue_name, jobs, extract(epoch FROM now() - least(
    scheduled_at, (SELECT max(at) FROM procrastinate_events WHERE job_id = first_id)
))
FROM due ORDER BY queue_name
"""


def due_jobs() -> list[tuple[str, int, float]]:
    """Queue, how many jobs of it are due, and for how many seconds the oldest has been."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE)
        return [(queue, jobs, float(age or 0)) for queue, jobs, age in cursor.fetchall()]


def oldest_due_s() -> float:
    """Of all queues; 0 when nothing is due."""
    return max((age for *_, age in due_jobs()), default=0.0)


def open_letters() -> QuerySet[DeadLetter]:
    return DeadLetter.objects.filter(state=LetterState.OPEN)


@dataclass
class Queue(Check):
    """No job that is due waits for long."""

    def run(self) -> None:
        rows = due_jobs()
        self.details["due"] = {queue: jobs for queue, jobs, _ in rows}
        oldest_s = max((age for *_, age in rows), default=0.0)
        self.details["oldest_due_s"] = round(oldest_s, 1)
        if oldest_s > LONGEST_WAIT_S:
            raise ServiceWarning(f"a job has waited for {oldest_s:.0f} s")


def workers_alive() -> int:
    """Those that have said so lately."""
    since = Now() - timedelta(seconds=STALLED_AFTER_S)
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=since).count()


@dataclass
class Workers(Check):
    """At least one worker is alive."""

    def run(self) -> None:
        self.details["alive"] = alive = workers_alive()
        if not alive:
            raise ServiceWarning("no worker is alive: jobs wait")


@dataclass
class DeadLetters(Check):
    """At most ten jobs have given up and wait for somebody."""

    def run(self) -> None:
        by_task = open_letters().values_list("task").annotate(count=Count("pk")).order_by("-count")
        tasks: dict[str, Any] = dict(by_task)
        self.details["open"] = total = sum(tasks.values())
        self.details["by_task"] = dict(list(tasks.items())[:MOST_TASKS_SHOWN])
        if total > MANY_LETTERS:
            raise ServiceWarning(f"{total} dead letters are open")
