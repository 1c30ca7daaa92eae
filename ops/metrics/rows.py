"""Gauges that are rows of the database, so the same from every pod: the web's alone.

    rows.register(MoneyCollector())         # in the app's `ready`

A collector asks few questions, each of which an index answers: what is done is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from django.db import DatabaseError, InterfaceError, connection, connections, transaction
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ops.shared_answer import SharedAnswer

# Scrapers and people that come together share one answer.
FRESH_S = 1.0
# Whoever scrapes hears of the processes at least, however long the database thinks.
WAIT_S = 2.0
STATEMENT_S = 2
AWAY = (DatabaseError, InterfaceError, TimeoutError)

log = structlog.get_logger("notevault.metrics")

_collectors: list[Collector] = []


def register(collector: Collector) -> None:
    _collectors.append(collector)


def latest() -> Sequence[Metric]:
    """What the database says, and `notevault_database_up`: 0 when it said nothing in time."""
    try:
        return [_is_up(True), *answer.within(WAIT_S)]
    except AWAY as error:
        log.warning("metrics.database_away", error=type(error).__name__)
        return [_is_up(False)]


def _ask_all() -> list[Metric]:
    """In a thread of its own, whose connection goes back to the pool."""
    try:
        return read()
    finally:
        connections.close_all()


def read() -> list[Metric]:
    """All collectors, in one transaction whose statements have two seconds each."""
    found: list[Metric] = []
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")
        for collector in _collectors:
            found += _ask(collector)
    return found


def _ask(collector: Collector) -> list[Metric]:
    """One that takes too long keeps the others' figures from nobody."""
    try:
        with transaction.atomic():
            return list(collector.collect())
    except DatabaseError as error:
        log.warning("metrics.unread", collector=type(collector).__name__, error=str(error))
        return []


answer = SharedAnswer(_ask_all, fresh_s=FRESH_S)


def _is_up(up: bool) -> Metric:
    return GaugeMetricFamily(
        "notevault_database_up", "1 when the database has answered this scrape", value=up
    )
