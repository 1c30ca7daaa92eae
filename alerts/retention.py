"""Alerts are kept for half a year after they have arrived, with their deliveries."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.models import Alert
from ops.transactions import use_case

KEEP = timedelta(days=180)
BATCH = 500


@use_case
def remove_old(*, now: datetime) -> int:
    """One batch; returns how many. One that a channel still waits for is kept."""
    old = Alert.objects.filter(raised_at__lt=now - KEEP, delivered_at__lt=now - KEEP)
    batch = list(old.order_by("pk").values_list("pk", flat=True)[:BATCH])
    Alert.objects.filter(pk__in=batch).delete()
    return len(batch)
