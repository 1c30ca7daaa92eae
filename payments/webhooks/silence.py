"""Whether the gateway still tells us of payments: its endpoint may be disabled, or misled."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from alerts.models import Severity
from alerts.watching import watch
from ops.transactions import use_case
from payments.models import Payment, WebhookEvent

# An event may come before or after we learn of its payment in another way.
BESIDE = timedelta(minutes=5)
LOOK_BACK = timedelta(hours=24)


@use_case
def watch_silence(*, now: datetime) -> None:
    """Alert when a payment was captured, and for WEBHOOKS_SILENT_MIN no event came at all.

    The next event resolves it. Never when the setting is 0.
    """
    minutes = settings.WEBHOOKS_SILENT_MIN
    last = _last_event()
    watch(
        is_wrong=bool(minutes) and _is_silent(last, now, timedelta(minutes=minutes)),
        kind="payments.webhooks_silent",
        severity=Severity.HIGH,
        message=f"Payments are captured, but no webhook has come for {minutes} minutes or more.",
        metadata={"last_event_at": last.isoformat() if last else ""},
        dedupe_key="webhooks-silent",
        now=now,
    )


def _last_event() -> datetime | None:
    # Ids grow with time, and have an index.
    return WebhookEvent.objects.order_by("-pk").values_list("received_at", flat=True).first()


def _is_silent(last: datetime | None, now: datetime, patience: timedelta) -> bool:
    since = now - LOOK_BACK
    if last is not None:
        since = max(since, last + BESIDE)
    # Nothing is settled so soon, and what is not has an index.
    captured = Payment.objects.filter(captured_at__range=(since, now - patience), settled_at=None)
    return captured.exists()
