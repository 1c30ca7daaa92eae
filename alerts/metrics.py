"""What Prometheus reads of alerts: rows of the database."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alerts.models import Alert


class AlertCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        undelivered = Alert.objects.filter(delivered_at=None).count()
        yield GaugeMetricFamily(
            "notevault_alerts_undelivered",
            "Alerts that a channel still has to take",
            value=undelivered,
        )
