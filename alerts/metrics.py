"""What Prometheus reads of alerts: rows of the database."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alerts.models import Alert, AlertDelivery
from alerts.states import DeliveryState


class AlertCollector(Collector):
    def collect(self) -> Iterator[Metric]:
        pending = AlertDelivery.objects.filter(state=DeliveryState.PENDING)
        untold = Alert.objects.filter(delivered_at=None)
        undelivered = untold.values("pk").union(pending.values("alert_id"))
        yield GaugeMetricFamily(
            "notevault_alerts_undelivered",
            "Alerts that a channel still has to take",
            value=undelivered.count(),
        )
