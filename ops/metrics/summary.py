"""The figures of `/metrics`, shaped for people and dashboards.

    {
      "timestamp": "2026-11-24T15:00:00Z", "version": "1.0.0", "uptime_s": 3600.0,
      "http": {"requests": 1000, "in_flight": 2, "per_second": 0.28, "error_rate": 0.001,
               "routes": [{"method": "GET", "route": "api/v1/notes", "requests": 900,
                           "errors": 1, "per_second": 0.25, "error_rate": 0.001,
                           "p50_ms": 4.1, "p95_ms": 22.0, "p99_ms": 48.0}, …]},
      "database": {"up": true, "connections": 9, "connections_limit": 97,
                   "pool": {"used": 1, "idle": 3, "limit": 16, "waiting": 0},
                   "queries": 5000, "errors": 0, "p95_ms": 2.1},
      "jobs": {"workers_alive": 1,
               "queues": {"payments": {"todo": 0, "doing": 1, "failed": 0,
                                       "oldest_due_s": 0.0}, …}},
      "circuit_breakers": {"razorpay": "closed"},
      "upstreams": {"razorpay": {"ok": 100, "failed": 1, "refused": 0, "p95_ms": 310.0}},
      "dead_letters": {"open": 0, "retrying": 0, "resolved": 4, "discarded": 1,
                       "open_by_task": {}},
      "webhooks": {"accepted": 80, "duplicate": 2, "refused": 0, "unhandled": 0,
                   "last_received_at": "2026-11-24T14:59:58Z"},
      "orders": {"created": 90, "awaiting_payment": 3},
      "downloads": {"given": 70},
      "alerts": {"undelivered": 0, "dead_letters": 0},
      "ledger_proof": {"broken_rows": 0, "proved_at": "2026-11-24T14:41:00Z"},
      "memory": {"bytes": 210000000, "limit_bytes": null}
    }

Rates and shares are those since the master started; an error is an answer of 500 or more.
Percentiles come from the buckets of the histograms. What the database would say is null or
empty while it is away. Settlements and raised alerts, of which workers count their share on
their own port, are left to Prometheus: their sum is known to nobody here.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from notevault.kit import clock
from ops import machine
from ops.metrics import exposition, process
from ops.shared_answer import SharedAnswer

FRESH_S = 1.0
WAIT_S = 5.0


class Figures:
    """Samples by their names."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._samples: dict[str, list[Sample]] = defaultdict(list)
        for family in families:
            for sample in family.samples:
                self._samples[sample.name].append(sample)

    def of(self, name: str) -> Sequence[Sample]:
        return self._samples.get(f"notevault_{name}", ())

    def foreign(self, name: str) -> Sequence[Sample]:
        """Of another package's instruments."""
        return self._samples.get(name, ())

    def one(self, name: str) -> float | None:
        return next((sample.value for sample in self.of(name)), None)

    def total(self, name: str, **labels: str) -> int:
        return int(sum(s.value for s in self.of(name) if labels.items() <= s.labels.items()))

    def by(self, name: str, label: str) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for sample in self.of(name):
            sums[sample.labels[label]] += int(sample.value)
        return dict(sums)


def latest() -> dict[str, Any]:
    return answer.within(WAIT_S)


def build() -> dict[str, Any]:
    figures = Figures(exposition.Web().collect())
    uptime_s = machine.uptime_s()
    return {
        "timestamp": clock.now(),
        "version": process.version(),
        "uptime_s": round(uptime_s, 1),
        "http": _http(figures, uptime_s),
        "database": _database(figures),
        "jobs": _jobs(figures),
        "circuit_breakers": _breakers(figures),
        "upstreams": _upstreams(figures),
        "dead_letters": {
            **figures.by("dead_letters", "state"),
            "open_by_task": figures.by("dead_letters_open", "task"),
        },
        "webhooks": _webhooks(figures),
        "orders": _orders(figures),
        "downloads": figures.by("downloads_total", "outcome"),
        "alerts": _alerts(figures),
        "ledger_proof": {
            "broken_rows": _whole(figures.one("ledger_proof_broken_rows")),
            "proved_at": _moment(figures.one("ledger_proof_timestamp_seconds")),
        },
        "memory": {
            "bytes": figures.total("process_memory_bytes"),
            "limit_bytes": _whole(figures.one("memory_limit_bytes")),
        },
    }


answer = SharedAnswer(build, fresh_s=FRESH_S)


def _http(figures: Figures, uptime_s: float) -> dict[str, Any]:
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for sample in figures.of("http_requests_total"):
        count = counts[sample.labels["method"], sample.labels["route"]]
        count[0] += int(sample.value)
        count[1] += int(sample.value) if sample.labels["status"] >= "500" else 0
    times = _histograms(figures.of("http_request_seconds_bucket"), "method", "route")
    routes = [
        {
            "method": method,
            "route": route,
            **_rates(requests, errors, uptime_s),
            **_percentiles(times.get((method, route), [])),
        }
        for (method, route), (requests, errors) in counts.items()
    ]
    totals = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0]
    return {
        **_rates(totals[0], totals[1], uptime_s),
        "in_flight": _whole(figures.one("http_requests_in_flight")),
        "routes": sorted(routes, key=lambda route: -route["requests"]),
    }


def _rates(requests: int, errors: int, uptime_s: float) -> dict[str, Any]:
    return {
        "requests": requests,
        "errors": errors,
        "per_second": round(requests / uptime_s, 3),
        "error_rate": round(errors / requests, 5) if requests else 0.0,
    }


def _database(figures: Figures) -> dict[str, Any]:
    times = _histograms(figures.foreign("django_db_query_duration_seconds_bucket"), "alias")
    return {
        "up": figures.one("database_up") == 1,
        "connections": _whole(figures.one("db_connections")),
        "connections_limit": _whole(figures.one("db_connections_limit")),
        "pool": {
            **figures.by("db_pool_connections", "state"),
            "waiting": _whole(figures.one("db_pool_waiting")),
        },
        "queries": int(sum(s.value for s in figures.foreign("django_db_execute_total"))),
        "errors": int(sum(s.value for s in figures.foreign("django_db_errors_total"))),
        "p95_ms": _percentiles(times.get(("default",), []))["p95_ms"],
    }


def _jobs(figures: Figures) -> dict[str, Any]:
    queues: dict[str, dict[str, Any]] = defaultdict(dict)
    for sample in figures.of("jobs"):
        queues[sample.labels["queue"]][sample.labels["status"]] = int(sample.value)
    for sample in figures.of("jobs_oldest_due_seconds"):
        queues[sample.labels["queue"]]["oldest_due_s"] = round(sample.value, 1)
    return {"workers_alive": _whole(figures.one("workers_alive")), "queues": queues}


def _breakers(figures: Figures) -> dict[str, str]:
    in_it = [sample.labels for sample in figures.of("circuit_breaker_state") if sample.value]
    return {labels["breaker"]: labels["state"] for labels in in_it}


def _upstreams(figures: Figures) -> dict[str, Any]:
    times = _histograms(figures.of("upstream_call_seconds_bucket"), "upstream")
    names = sorted({sample.labels["upstream"] for sample in figures.of("upstream_calls_total")})
    calls = partial(figures.total, "upstream_calls_total")
    return {
        name: {
            **{
                outcome: calls(upstream=name, outcome=outcome)
                for outcome in ("ok", "failed", "refused")
            },
            "p95_ms": _percentiles(times.get((name,), []))["p95_ms"],
        }
        for name in names
    }


def _webhooks(figures: Figures) -> dict[str, Any]:
    outcomes = figures.by("webhook_events_total", "outcome")
    return {
        "accepted": outcomes.pop("accepted", 0),
        "duplicate": outcomes.pop("duplicate", 0),
        "refused": sum(outcomes.values()),
        "unhandled": _whole(figures.one("webhook_unhandled")),
        "last_received_at": _moment(figures.one("webhook_last_received_timestamp_seconds")),
    }


def _orders(figures: Figures) -> dict[str, Any]:
    return {
        "created": figures.total("orders_created_total"),
        "awaiting_payment": _whole(figures.one("orders_awaiting_payment")),
    }


def _alerts(figures: Figures) -> dict[str, Any]:
    letters = figures.by("dead_letters_open", "task")
    return {
        "undelivered": _whole(figures.one("alerts_undelivered")),
        "dead_letters": sum(n for task, n in letters.items() if task.startswith("alerts.")),
    }


Buckets = list[tuple[float, float]]


def _histograms(samples: Sequence[Sample], *labels: str) -> dict[tuple[str, ...], Buckets]:
    """The upper ends of the buckets with the counts up to them, by these labels."""
    found: dict[tuple[str, ...], Buckets] = defaultdict(list)
    for sample in samples:
        key = tuple(sample.labels[label] for label in labels)
        found[key].append((float(sample.labels["le"]), sample.value))
    return found


def _percentiles(buckets: Buckets) -> dict[str, float | None]:
    return {f"p{percent}_ms": percentile_ms(buckets, percent) for percent in (50, 95, 99)}


def percentile_ms(buckets: Buckets, percent: float) -> float | None:
    """As Prometheus's `histogram_quantile` has it: in proportion within its bucket, and for
    what lies beyond the last bound that bound. None of nothing."""
    if not buckets or buckets[-1][1] == 0:
        return None
    rank = buckets[-1][1] * percent / 100
    lower_bound = lower_count = 0.0
    for bound, count in buckets:
        if count >= rank:
            if math.isinf(bound):
                break
            share = (rank - lower_count) / (count - lower_count) if count > lower_count else 1.0
            return round((lower_bound + (bound - lower_bound) * share) * 1000, 2)
        lower_bound, lower_count = bound, count
    return round(lower_bound * 1000, 2)


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
