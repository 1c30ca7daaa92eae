"""Delivery of alerts, outside of whatever raised them, and what watches over it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from alerts import delivery, retention, watching
from notevault.kit import clock
from ops.jobs import Retries, RetryLater, job, periodic
from ops.revival import Revival

# At most an hour passes between a receiver's return and its alerts.
REVIVAL = Revival(first=timedelta(minutes=5), longest=timedelta(hours=1), until=timedelta(hours=72))
# A first try and three more, after at most 1, 2 and 4 seconds; then the dead letter, which is
# tried again for three days.
SENDING = Retries(attempts=4, first_s=1, longest_s=4, revival=REVIVAL)


@job(queue="alerts", retries=Retries(revival=REVIVAL), kind="alert")
def deliver_alert(*, alert_id: str, round_number: int = 1) -> None:
    delivery.fan_out(alert_id=UUID(alert_id), round_number=round_number, now=clock.now())


@job(queue="alerts", kind="alert")
def tell_count(*, alert_id: str) -> None:
    delivery.tell_count(alert_id=UUID(alert_id), now=clock.now())


@job(queue="alerts", retries=SENDING, kind="alert")
def send_delivery(*, delivery_id: str) -> None:
    try:
        delivery.send(delivery_id=UUID(delivery_id), now=clock.now())
    except delivery.NotDelivered as error:
        raise RetryLater(str(error)) from error


@periodic("* * * * *", queue="alerts")
def watch() -> None:
    watching.watch_everything(now=clock.now())


@periodic("27 * * * *", queue="alerts")
def remove_old_alerts() -> None:
    while retention.remove_old(now=clock.now()):
        pass
