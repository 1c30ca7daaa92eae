"""What Prometheus reads of the money: rows of the database."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from payments.models import LedgerProof, Order, WebhookEvent
from payments.states import OPEN_ORDER, EventState, OrderState


class MoneyCollector(Collector):
    """Four small queries, each by an index of what is open or newest."""

    def collect(self) -> Iterator[Metric]:
        # By the states of the partial index, which holds the open ones alone.
        waiting = Order.objects.filter(state__in=OPEN_ORDER, state=OrderState.AWAITING_PAYMENT)
        yield _gauge("orders_awaiting_payment", "Orders that can be paid", waiting.count())
        unhandled = WebhookEvent.objects.filter(state=EventState.RECEIVED).count()
        yield _gauge("webhook_unhandled", "Events that were not acted on yet", unhandled)
        yield from _newest_event()
        yield from _latest_proof()


def _newest_event() -> Iterator[Metric]:
    """No sample before there was one."""
    newest = WebhookEvent.objects.order_by("-received_at").values_list("received_at", flat=True)
    received_at = newest.first()
    if received_at is not None:
        yield _gauge(
            "webhook_last_received_timestamp_seconds",
            "When the newest event was accepted",
            received_at.timestamp(),
        )


def _latest_proof() -> Iterator[Metric]:
    """No sample before there was one."""
    latest = LedgerProof.objects.order_by("-ran_at").defer("checks").first()
    if latest is None:
        return
    yield _gauge(
        "ledger_proof_broken_rows",
        "Rows that break a promise about money, by the latest proof",
        latest.broken,
    )
    yield _gauge(
        "ledger_proof_timestamp_seconds",
        "When the promises about money were last proved",
        latest.ran_at.timestamp(),
    )
    yield _gauge("ledger_proof_seconds", "How long that took", latest.seconds)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"notevault_{name}", help_text, value=value)
