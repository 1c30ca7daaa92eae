"""What Prometheus reads of backups; no sample before there is one."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ops.backup.records import NEWEST
from ops.models import Backup


class BackupCollector(Collector):
    """Rows of the database, so the same from every pod: two small queries a scrape."""

    def collect(self) -> Iterator[Metric]:
        latest = Backup.objects.order_by("-finished_at").first()
        if latest is None:
            return
        yield GaugeMetricFamily(
            "notevault_backup_last_success_timestamp_seconds",
            "When the newest whole backup was finished",
            value=latest.finished_at.timestamp(),
        )
        yield GaugeMetricFamily(
            "notevault_backup_size_bytes", "Size of that backup", value=latest.size_bytes
        )
        verified = Backup.objects.aggregate(**NEWEST)["verified"]
        if verified is not None:
            yield GaugeMetricFamily(
                "notevault_backup_last_verified_timestamp_seconds",
                "When the newest backup that was restored and found right was finished",
                value=verified.timestamp(),
            )
