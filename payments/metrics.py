"""What Prometheus reads of the money: rows of the database, so the same from every pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from payments.models import LedgerProof


class ProofCollector(Collector):
    """The latest hourly proof, in one small query; no sample before there is one."""

    def describe(self) -> Iterable[Metric]:
        return []  # else registering it would ask the database

    def collect(self) -> Iterator[Metric]:
        latest = LedgerProof.objects.order_by("-ran_at").defer("checks").first()
        if latest is None:
            return
        yield GaugeMetricFamily(
            "notevault_ledger_proof_broken_rows",
            "Rows that break a promise about money, by the latest proof",
            value=latest.broken,
        )
        yield GaugeMetricFamily(
            "notevault_ledger_proof_timestamp_seconds",
            "When the promises about money were last proved",
            value=latest.ran_at.timestamp(),
        )
        yield GaugeMetricFamily(
            "notevault_ledger_proof_seconds", "How long that took", value=latest.seconds
        )
