"""Gauges that are rows of the database, so the same from every pod: the web's alone.

    rows.register(MoneyCollector())         # in the app's `ready`

A collector asks few questions, each of which an index answers: what is done is not counted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

# Scrapers and people that come together share one answer.
KEEP_S = 1.0
STATEMENT_S = 2
AWAY = (DatabaseError, InterfaceError)

log = structlog.get_logger("notevault.metrics")

_collectors: list[Collector] = []


def register(collector: Collector) -> None:
    _collectors.append(collector)


class Reading:
    """The latest answer of the database, for so many seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._families: list[Metric] = []
        self._until = 0.0

    def families(self) -> list[Metric]:
        """What the database says, and `notevault_database_up`, which is 0 while it is away."""
        with self._lock:
            if time.monotonic() >= self._until:
                self._families = _read()
                self._until = time.monotonic() + KEEP_S
            return self._families

    def forget(self) -> None:
        self._until = 0.0


reading = Reading()


def _read() -> list[Metric]:
    found: list[Metric] = []
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = '{STATEMENT_S}s'")
            for collector in _collectors:
                found += _ask(collector)
    except AWAY as error:
        log.warning("metrics.database_away", error=type(error).__name__)
        return [_is_up(False)]
    return [_is_up(True), *found]


def _ask(collector: Collector) -> Iterator[Metric]:
    """One that takes too long keeps the others' figures from nobody."""
    try:
        with transaction.atomic():
            return iter(list(collector.collect()))
    except DatabaseError as error:
        log.warning("metrics.unread", collector=type(collector).__name__, error=str(error))
        return iter(())


def _is_up(up: bool) -> Metric:
    return GaugeMetricFamily(
        "notevault_database_up", "1 when the database has answered this scrape", value=up
    )
