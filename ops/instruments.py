"""What the cellar counts in this process, and how anything is counted: after the commit.

Each app has such a file on its lowest floor. Label values are bounded: they are names of ours,
never what a caller sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.db import transaction
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# When each series began would double their number, and nobody asks.
disable_created_metrics()


def count(counter: Counter, *labels: str, by: float = 1) -> None:
    """Once the transaction under way has committed, and never if it is rolled back; at once
    outside of one."""
    transaction.on_commit(partial((counter.labels(*labels) if labels else counter).inc, by))


HTTP_REQUESTS = Counter(
    "notevault_http_requests", "Requests answered", ["method", "route", "status"]
)
HTTP_SECONDS = Histogram(
    "notevault_http_request_seconds",
    "From the arrival of a request to the beginning of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3.5, 5, 10, 30),
)
HTTP_IN_FLIGHT = Gauge(
    "notevault_http_requests_in_flight",
    "Requests whose answer has not ended",
    multiprocess_mode="livesum",
)

POOL_CONNECTIONS = Gauge(
    "notevault_db_pool_connections",
    "Connections of the pools of this pod, and how many they may have",
    ["state"],
    multiprocess_mode="livesum",
)
POOL_WAITING = Gauge(
    "notevault_db_pool_waiting",
    "Threads that wait for a connection",
    multiprocess_mode="livesum",
)
PROCESS_MEMORY = Gauge(
    "notevault_process_memory_bytes",
    "Resident memory of the processes of this pod",
    ["process"],
    multiprocess_mode="livesum",
)

JOBS_FINISHED = Counter(
    "notevault_jobs_finished",
    "Runs of jobs: done, retried, buried, or failed (periodic, not repeated)",
    ["queue", "task", "outcome"],
)
JOB_SECONDS = Histogram(
    "notevault_job_seconds",
    "How long a run of a job took, whatever came of it",
    ["queue"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)

UPSTREAM_CALLS = Counter(
    "notevault_upstream_calls",
    "Calls to services of others: ok, failed, or refused by ourselves",
    ["upstream", "outcome"],
)
UPSTREAM_SECONDS = Histogram(
    "notevault_upstream_call_seconds",
    "How long calls took that were made",
    ["upstream"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 3.5, 5, 10, 20),
)


@contextmanager
def timing(histogram: Histogram, *labels: str) -> Iterator[None]:
    started = time.perf_counter()
    try:
        yield
    finally:
        histogram.labels(*labels).observe(time.perf_counter() - started)
