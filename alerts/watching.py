"""What is looked at every minute, because nothing happens when it goes wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Min

from alerts import delivery
from alerts.models import Alert, AlertDelivery, Severity
from alerts.services import raise_alert, resolve_alert, short_key
from alerts.states import UNRESOLVED, DeliveryState
from ops.backup.health import VERIFIED_TOO_OLD
from ops.backup.records import NEWEST
from ops.health.jobs import MANY_LETTERS
from ops.models import Backup, DeadLetter
from ops.states import LetterState
from ops.transactions import use_case

FAILING_AFTER = timedelta(minutes=15)
# Longer than what waits is tried by itself: then its dead letters tell of it.
FAILING_UNTIL = timedelta(hours=80)
REMIND_AFTER = timedelta(hours=24)


def watch_everything(*, now: datetime) -> None:
    delivery.close_discarded(now=now)
    watch_dead_letters(now=now)
    watch_channels(now=now)
    watch_backups(now=now)


def watch(
    *,
    is_wrong: bool,
    kind: str,
    severity: str,
    message: str,
    dedupe_key: str,
    now: datetime,
    metadata: dict[str, Any] | None = None,
) -> None:
    """Alert once of what is wrong, once more each day, and resolve it when it is over. A step."""
    if not is_wrong:
        resolve_alert(dedupe_key=dedupe_key, now=now)
    elif not _was_told(dedupe_key, now):
        raise_alert(
            kind=kind,
            severity=severity,
            message=message,
            metadata=metadata,
            dedupe_key=dedupe_key,
            now=now,
        )


def _was_told(dedupe_key: str, now: datetime) -> bool:
    told = Alert.objects.filter(dedupe_key=short_key(dedupe_key), state__in=UNRESOLVED)
    return told.filter(raised_at__gt=now - REMIND_AFTER).exists()


@use_case
def watch_dead_letters(*, now: datetime) -> None:
    rows = DeadLetter.objects.filter(state=LetterState.OPEN).values_list("task")
    by_task = dict(rows.annotate(count=Count("pk")).order_by("-count", "task"))
    total = sum(by_task.values())
    watch(
        is_wrong=total > MANY_LETTERS,
        kind="ops.dead_letters",
        severity=Severity.CRITICAL,
        message=f"{total} jobs have given up and are open dead letters.",
        metadata={"open": total, "tasks": by_task},
        dedupe_key="dead-letters",
        now=now,
    )


@use_case
def watch_channels(*, now: datetime) -> None:
    """A channel fails while something has waited for it for a quarter of an hour."""
    failing = failing_channels(now=now)
    for channel, since in failing.items():
        watch(
            is_wrong=True,
            kind="alerts.channel_failing",
            severity=Severity.HIGH,
            message=f"An alert of {since:%d %b, %H:%M} UTC still waits for {channel}.",
            metadata={"channel": channel, "since": since.isoformat()},
            dedupe_key=_failing(channel),
            now=now,
        )
    told = Alert.objects.filter(kind="alerts.channel_failing", state__in=UNRESOLVED)
    for key in set(told.values_list("dedupe_key", flat=True)) - set(map(_failing, failing)):
        resolve_alert(dedupe_key=key, now=now)


@use_case
def watch_backups(*, now: datetime) -> None:
    """The newest backup that was restored and found right must be of today. The first has a
    day to be proved; while developing, nobody has to make one."""
    found = Backup.objects.aggregate(**NEWEST, first=Min("finished_at"))
    verified, since = found["verified"], found["verified"] or found["first"]
    watch(
        is_wrong=now - since > VERIFIED_TOO_OLD if since else not settings.DEBUG,
        kind="ops.backup_old",
        severity=Severity.HIGH,
        message=f"No backup since {since:%d %b, %H:%M} UTC was restored and found right."
        if since
        else "No backup was ever made.",
        metadata={"verified_backup_at": verified.isoformat() if verified else ""},
        dedupe_key="backup-old",
        now=now,
    )


def failing_channels(*, now: datetime) -> dict[str, datetime]:
    """Each with the time of the oldest alert that waits for it; `all channels` of
    one that was not even handed to them."""
    late = (now - FAILING_UNTIL, now - FAILING_AFTER)
    waiting = AlertDelivery.objects.filter(state=DeliveryState.PENDING, created_at__range=late)
    failing = dict(waiting.values_list("channel").annotate(since=Min("created_at")))
    unopened = Alert.objects.filter(delivered_at=None, deliveries=None, raised_at__range=late)
    since = unopened.aggregate(since=Min("raised_at"))["since"]
    return {**failing, "all channels": since} if since else failing


def _failing(channel: str) -> str:
    return f"channel-failing:{channel}"
