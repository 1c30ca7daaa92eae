"""Delivery of alerts, outside of whatever raised them."""

from __future__ import annotations

from uuid import UUID

from alerts import delivery
from notevault.kit import clock
from ops.jobs import job


@job(queue="alerts", kind="alert")
def deliver_alert(*, alert_id: str) -> None:
    delivery.deliver(alert_id=UUID(alert_id), now=clock.now())
