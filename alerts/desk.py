"""What staff do with alerts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from alerts import delivery, outbox
from alerts.models import Alert
from alerts.states import AlertState
from ops import jobs
from ops.transactions import use_case


@use_case
def acknowledge(*, alert_id: UUID, actor_id: UUID, now: datetime) -> bool:
    """Somebody is on it. False unless the alert is open."""
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if not alert.can_move(AlertState.ACKNOWLEDGED):
        return False
    return alert.move(AlertState.ACKNOWLEDGED, why="by staff", now=now, actor_id=actor_id)


@use_case
def resolve(*, alert_id: UUID, why: str, actor_id: UUID, now: datetime) -> bool:
    """It is dealt with, and the channels that know the word are told. False when it was."""
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if not alert.can_move(AlertState.RESOLVED):
        return False
    alert.move(AlertState.RESOLVED, why=why, now=now, actor_id=actor_id)
    outbox.tell_resolved([alert], now=now)
    return True


@use_case
def deliver_again(*, alert_id: UUID, actor_id: UUID, now: datetime) -> bool:
    """Tell every channel once more, under new delivery ids; its history says who did so.

    False while one still waits.
    """
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    if alert.delivered_at is None:
        return False
    why = "delivered again by staff"
    alert.moves.create(old=alert.state, new=alert.state, why=why, actor_id=actor_id, at=now)
    again = delivery.next_round(alert)
    Alert.objects.filter(pk=alert_id).update(delivered_at=None)
    jobs.defer("alerts.tasks.deliver_alert", alert_id=str(alert_id), round_number=again)
    return True
