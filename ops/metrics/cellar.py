"""The rows of ops: the queue and its workers, breakers, dead letters, connections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count
from procrastinate.contrib.django import app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ops.health.database import server_connections
from ops.health.jobs import due_jobs, workers_alive
from ops.models import CircuitBreaker, DeadLetter
from ops.states import BreakerState, LetterState

STATUSES = ("todo", "doing", "failed")

# Jobs that are done, of which there are many, are in none of the indexes that this reads.
_QUEUES = """
SELECT queue_name, status::text, count(*)
FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name, status
UNION ALL
SELECT queue_name, 'failed', count(*)
FROM procrastinate_jobs WHERE status = 'failed' GROUP BY queue_name
"""


class CellarCollector(Collector):
    """Seven small queries."""

    def collect(self) -> Iterator[Metric]:
        yield from _queues()
        yield _gauge("workers_alive", "Workers with a young heartbeat", workers_alive())
        used, limit = server_connections()
        yield _gauge("db_connections", "Connections that the database server has", used)
        yield _gauge("db_connections_limit", "Connections that it takes from users", limit)
        yield _breakers()
        yield _dead_letters()
        yield _open_letters()


def _queues() -> Iterator[Metric]:
    jobs = _family("jobs", "Jobs by queue and status", ["queue", "status"])
    ages = _family("jobs_oldest_due_seconds", "How long the oldest due job has waited", ["queue"])
    # A queue that nobody uses now is empty, not unknown.
    found: dict[str, dict[str, int]] = {name: {} for name in _declared_queues()}
    for queue, status, count in _ask(_QUEUES):
        found.setdefault(queue, {})[status] = count
    oldest = {queue: age for queue, _, age in due_jobs()}
    for queue, counts in sorted(found.items()):
        for status in STATUSES:
            jobs.add_metric([queue, status], counts.get(status, 0))
        ages.add_metric([queue], oldest.get(queue, 0.0))
    yield jobs
    yield ages


def _declared_queues() -> set[str]:
    names = {task.queue for task in app.tasks.values()}
    return names - {"builtin"}


def _breakers() -> Metric:
    states = _family(
        "circuit_breaker_state",
        "1 for the state that a circuit breaker is in, forced or by its calls",
        ["breaker", "state"],
    )
    for breaker in CircuitBreaker.objects.order_by("name"):
        for state in BreakerState.values:
            states.add_metric([breaker.name, state], breaker.effective_state == state)
    return states


def _dead_letters() -> Metric:
    letters = _family("dead_letters", "Dead letters by state", ["state"])
    counts = dict.fromkeys(LetterState.values, 0)
    rows = DeadLetter.objects.values_list("state").annotate(count=Count("pk"))
    for state, count in {**counts, **dict(rows)}.items():
        letters.add_metric([state], count)
    return letters


def _open_letters() -> Metric:
    letters = _family("dead_letters_open", "Open dead letters by task", ["task"])
    rows = DeadLetter.objects.filter(state=LetterState.OPEN).values_list("task")
    for task, count in rows.annotate(count=Count("pk")).order_by("task"):
        letters.add_metric([task], count)
    return letters


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"notevault_{name}", help_text, value=float(value))


def _family(name: str, help_text: str, labels: list[str]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"notevault_{name}", help_text, labels=labels)


def _ask(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
