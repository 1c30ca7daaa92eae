"""Raise an alert: a row and a job in the caller's transaction, never a network call."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F

from alerts.instruments import RAISED
from alerts.models import Alert
from notevault.kit.correlation import current_request_id
from ops import jobs
from ops.instruments import count

STORM_WINDOW = timedelta(minutes=5)


def _take_turns(dedupe_key: str) -> None:
    """One transaction at a time for one matter, or each would find no alert before it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [dedupe_key])


def raise_alert(
    *,
    kind: str,
    severity: str,
    message: str,
    dedupe_key: str,
    now: datetime,
    metadata: dict[str, Any] | None = None,
) -> Alert | None:
    """Record the alert and defer its delivery.

    A step. Within five minutes of an alert with the same dedupe key nothing new is
    delivered: that alert's count goes up and None is returned. What is too long is cut:
    no alert fails the transaction that raises it.
    """
    count(RAISED, kind[:64], severity)
    dedupe_key = _short_key(dedupe_key)
    _take_turns(dedupe_key)
    recent = Alert.objects.filter(dedupe_key=dedupe_key, raised_at__gt=now - STORM_WINDOW)
    latest = recent.order_by("-raised_at").values_list("pk", flat=True).first()
    if latest:
        Alert.objects.filter(pk=latest).update(count=F("count") + 1, last_raised_at=now)
        return None
    alert = Alert.objects.create(
        kind=kind[:64],
        severity=severity,
        message=message.replace("\x00", "")[:500],
        metadata=metadata or {},
        dedupe_key=dedupe_key,
        request_id=current_request_id(),
        raised_at=now,
        last_raised_at=now,
    )
    jobs.defer("alerts.tasks.deliver_alert", alert_id=str(alert.pk))
    return alert


def _short_key(key: str) -> str:
    return key if len(key) <= 128 else hashlib.sha256(key.encode()).hexdigest()
