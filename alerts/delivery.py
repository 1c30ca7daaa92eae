"""The log channel: every alert becomes one log line that collectors can act on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from alerts.instruments import DELIVERIES
from alerts.models import Alert

log = structlog.get_logger("notevault.alert")


def deliver(*, alert_id: UUID, now: datetime) -> None:
    """Write the alert to the log at least once, then mark it as delivered."""
    alert = Alert.objects.get(pk=alert_id)
    if alert.delivered_at:
        return
    log.error(
        "alert",
        alert_id=str(alert.pk),
        kind=alert.kind,
        severity=alert.severity,
        message=alert.message,
        metadata=alert.metadata,
        raised_by=alert.request_id,
    )
    Alert.objects.filter(pk=alert_id).update(delivered_at=now)
    DELIVERIES.labels("log", "delivered").inc()
