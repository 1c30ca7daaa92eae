"""Raise an alert: a row and a job in the caller's transaction, never a network call."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, QuerySet

from alerts import outbox, storable
from alerts.instruments import RAISED
from alerts.kinds import CATALOGUE
from alerts.models import Alert, Severity
from alerts.states import UNRESOLVED, AlertState
from notevault.kit.correlation import current_request_id
from ops import jobs
from ops.instruments import count

STORM_WINDOW = timedelta(minutes=5)


class NotInCatalogue(Exception):
    """A kind that `alerts.kinds` lacks, or that has another severity there."""


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
    """Record the alert and defer its delivery to every channel.

    A step. Within five minutes of an alert with the same dedupe key no new one is made,
    unless that one was resolved: its count goes up and None is returned. After the five
    minutes whoever was told of fewer is told the count. What is too long is cut, what cannot
    be stored is spelled another way, and a severity that is none is HIGH: no alert fails the
    transaction that raises it. Only while developing, NotInCatalogue.
    """
    if settings.ALERT_KINDS_STRICT:
        _check(kind, severity)
    severity = severity if severity in Severity.values else Severity.HIGH
    count(RAISED, kind if kind in CATALOGUE else "other", severity)
    dedupe_key = short_key(dedupe_key)
    _take_turns(dedupe_key)
    latest = _unresolved(dedupe_key).order_by("-raised_at").first()
    if latest and latest.raised_at > now - STORM_WINDOW:
        if latest.count == 1:
            _tell_count_later(latest, now)
        Alert.objects.filter(pk=latest.pk).update(count=F("count") + 1, last_raised_at=now)
        return None
    alert = Alert.objects.create(
        kind=storable.text(kind, longest=64),
        severity=severity,
        message=storable.text(message, longest=500),
        metadata=storable.json(metadata or {}),
        dedupe_key=dedupe_key,
        first_id=latest.incident_id if latest else None,
        request_id=storable.text(current_request_id(), longest=128),
        raised_at=now,
        last_raised_at=now,
    )
    jobs.defer("alerts.tasks.deliver_alert", alert_id=str(alert.pk))
    return alert


def _tell_count_later(alert: Alert, now: datetime) -> None:
    left = alert.raised_at + STORM_WINDOW - now
    jobs.defer("alerts.tasks.tell_count", delay=left, alert_id=str(alert.pk))


def resolve_alert(*, dedupe_key: str, now: datetime, why: str = "it is over") -> int:
    """What was alerted under this key is over: say so where it was told, and knows the word.

    A step. Returns how many alerts it has resolved; none is no error.
    """
    dedupe_key = short_key(dedupe_key)
    _take_turns(dedupe_key)
    alerts = list(_unresolved(dedupe_key).select_for_update().order_by("pk"))
    if alerts:
        Alert.move_locked([(alert, why) for alert in alerts], AlertState.RESOLVED, now=now)
        outbox.tell_resolved(alerts, now=now)
    return len(alerts)


def _unresolved(dedupe_key: str) -> QuerySet[Alert]:
    return Alert.objects.filter(dedupe_key=dedupe_key, state__in=UNRESOLVED)


def _check(kind: str, severity: str) -> None:
    known = CATALOGUE.get(kind)
    allowed = [known.severity] if known and known.severity else Severity.values
    if known is None or severity not in allowed:
        raise NotInCatalogue(f"{kind} ({severity}): see alerts/kinds.py")


def short_key(key: str) -> str:
    """What the key is stored as."""
    key = storable.text(key)
    return key if len(key) <= 128 else hashlib.sha256(key.encode()).hexdigest()
