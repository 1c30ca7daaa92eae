"""The rows and jobs from which alerts leave the house. Steps: each in its caller's transaction."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from alerts import channels, receivers
from alerts.channels.port import wants
from alerts.models import Alert, AlertDelivery
from alerts.states import DeliveryState, News
from ops import jobs


def tell_raised(
    alert: Alert, *, round_number: int, now: datetime, only: Collection[str] | None = None
) -> None:
    """One delivery and job for each channel, or each of the addresses in `only`, so that none
    waits for another."""
    off = set(receivers.disabled().values_list("address", flat=True))
    _open(
        AlertDelivery(
            alert=alert,
            channel=channel.name,
            address=channel.address,
            round=round_number,
            created_at=now,
        )
        for channel in channels.configured()
        if wants(channel, alert.severity)
        and channel.address not in off
        and (only is None or channel.address in only)
    )


def tell_resolved(alerts: Iterable[Alert], *, now: datetime) -> None:
    """To the channels that were told of these alerts, and know what that means.

    One that is not told yet hears of the end after its beginning (`alerts.delivery`).
    """
    told = AlertDelivery.objects.filter(
        alert__in=list(alerts), news=News.RAISED, state=DeliveryState.DELIVERED
    )
    ended = AlertDelivery.objects.filter(alert__in=list(alerts), news=News.RESOLVED)
    done = {(row.alert_id, row.address or row.channel) for row in ended}
    knowing = {c.address or c.name for c in channels.configured() if c.knows_resolve}
    last = {(row.alert_id, row.address or row.channel): row for row in told.order_by("round")}
    _open(
        AlertDelivery(
            alert_id=row.alert_id,
            channel=row.channel,
            address=row.address,
            round=row.round,
            news=News.RESOLVED,
            created_at=now,
        )
        for key, row in sorted(last.items())
        if key not in done and key[1] in knowing
    )


def send_later(delivery: AlertDelivery, *, after_s: int) -> None:
    """After a while, and not all of them at once."""
    pause = timedelta(seconds=after_s * random.uniform(1, 1.5))  # noqa: S311 spreads load
    # A worker that is killed after this, and whose job runs again, adds no second chain.
    _defer(delivery, delay=pause, once_per=f"alert-delivery:{delivery.pk}")


def _open(deliveries: Iterable[AlertDelivery]) -> None:
    for delivery in AlertDelivery.objects.bulk_create(deliveries):
        _defer(delivery)


def _defer(delivery: AlertDelivery, **when: Any) -> None:
    jobs.defer("alerts.tasks.send_delivery", **when, delivery_id=str(delivery.pk))
