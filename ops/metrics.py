"""What Prometheus reads of the cellar: rows of the database, so the same from every pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ops.models import CircuitBreaker, DeadLetter
from ops.states import BreakerState, LetterState


class CellarCollector(Collector):
    """Asks the database at each scrape: two small queries."""

    def describe(self) -> Iterable[Metric]:
        return []  # else registering it would ask the database

    def collect(self) -> Iterator[Metric]:
        yield _breakers()
        yield _dead_letters()


def _breakers() -> Metric:
    states = GaugeMetricFamily(
        "notevault_circuit_breaker_state",
        "1 for the state that a circuit breaker is in, forced or by its calls",
        labels=["breaker", "state"],
    )
    for breaker in CircuitBreaker.objects.order_by("name"):
        for state in BreakerState.values:
            states.add_metric([breaker.name, state], breaker.effective_state == state)
    return states


def _dead_letters() -> Metric:
    letters = GaugeMetricFamily("notevault_dead_letters", "Dead letters by state", labels=["state"])
    counts = dict.fromkeys(LetterState.values, 0)
    rows = DeadLetter.objects.values_list("state").annotate(count=Count("pk"))
    for state, count in {**counts, **dict(rows)}.items():
        letters.add_metric([state], count)
    return letters
