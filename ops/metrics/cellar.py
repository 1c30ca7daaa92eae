"""The rows of ops: the queue and its workers, breakers, dead letters, connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count
from procrastinate.contrib.django import app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ops.heartbeats import STALLED_AFTER_S
from ops.models import CircuitBreaker, DeadLetter
from ops.states import BreakerState, LetterState

STATUSES = ("todo", "doing", "failed")

# Jobs that are done, of which there are many, are in none of the indexes that this reads.
_QUEUES = """
WITH live AS (
    SELECT queue_name, status, count(*) AS jobs,
           min(scheduled_at) FILTER (WHERE scheduled_at <= now()) AS due_at,
           min(id) FILTER (WHERE scheduled_at IS NULL) AS oldest_id
    FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY queue_name, status
)
SELECT queue_name, status::text, jobs, extract(epoch FROM now() - least(due_at, at))
FROM live
LEFT JOIN procrastinate_events e ON status = 'todo' AND job_id = oldest_id AND type = 'deferred'
UNION ALL
SELECT queue_name, 'failed', count(*), NULL
FROM procrastinate_jobs WHERE status = 'failed' GROUP BY queue_name
"""

_WORKERS = """
SELECT count(*) FROM procrastinate_workers
WHERE last_heartbeat > now() - make_interval(secs => %s)
"""

# Of all databases, because they share the limit; what is kept back for superusers is not ours.
_CONNECTIONS = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL),
       (SELECT sum(CASE name WHEN 'max_connections' THEN 1 ELSE -1 END * setting::int)
        FROM pg_settings WHERE name IN
            ('max_connections', 'superuser_reserved_connections', 'reserved_connections'))
"""


class CellarCollector(Collector):
    """Six small queries."""

    def collect(self) -> Iterator[Metric]:
        yield from _queues()
        alive = _ask(_WORKERS, [STALLED_AFTER_S])[0][0]
        yield _gauge("workers_alive", "Workers with a young heartbeat", alive)
        used, limit = _ask(_CONNECTIONS)[0]
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
    oldest: dict[str, float] = defaultdict(float)
    for queue, status, count, age in _ask(_QUEUES):
        found.setdefault(queue, {})[status] = count
        oldest[queue] = max(oldest[queue], float(age or 0))
    for queue, counts in sorted(found.items()):
        for status in STATUSES:
            jobs.add_metric([queue, status], counts.get(status, 0))
        ages.add_metric([queue], oldest[queue])
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


def _ask(sql: str, values: list[Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
