"""Receivers that said they are gone for good: not called until staff enable them again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from alerts.channels.port import Channel
from alerts.models import Receiver
from alerts.states import ReceiverState
from ops.transactions import use_case


def disabled() -> QuerySet[Receiver]:
    return Receiver.objects.filter(state=ReceiverState.DISABLED)


def is_disabled(channel: Channel) -> bool:
    """Only while its address is the one that answered, whatever its name is now."""
    return disabled().filter(address=channel.address).exists()


def disable(*, channel: Channel, why: str, now: datetime) -> bool:
    """Switch it off. A step. False when it is off already."""
    Receiver.objects.bulk_create(
        [Receiver(channel=channel.name, address=channel.address, changed_at=now)],
        ignore_conflicts=True,
    )
    row = Receiver.objects.select_for_update().get(channel=channel.name)
    if row.state == ReceiverState.DISABLED and row.address == channel.address:
        return False
    if row.state == ReceiverState.DISABLED:
        row.move(ReceiverState.ENABLED, why="it has another address", now=now)
    return row.move(
        ReceiverState.DISABLED, why=why, now=now, address=channel.address, changed_at=now
    )


@use_case
def enable(*, receiver_id: UUID, actor_id: UUID | None, why: str, now: datetime) -> bool:
    """Call it again. What it missed stays missed until it is delivered again.

    False when it is enabled already.
    """
    row = Receiver.objects.select_for_update().get(pk=receiver_id)
    if row.state == ReceiverState.ENABLED:
        return False
    return row.move(ReceiverState.ENABLED, why=why, now=now, actor_id=actor_id, changed_at=now)
