"""From an alert to whoever must know: one delivery for each channel, at least once.

The call of a receiver stands between two transactions, never in one. What became of it is a
row before anything else happens; a process that dies in between calls once more, with the
same delivery id.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import Max, Q, QuerySet
from django.urls import reverse

from alerts import channels, kinds, outbox, receivers
from alerts.channels.port import Answer, Channel, Message
from alerts.channels.wire import TIMEOUT_S
from alerts.instruments import DELIVERIES
from alerts.models import Alert, AlertDelivery, DeliveryAttempt, Severity
from alerts.services import raise_alert
from alerts.states import AlertState, DeliveryState, News
from notevault.kit import crash
from notevault.kit.redaction import redact, redact_text
from ops import upstream
from ops.instruments import count
from ops.models import DeadLetter
from ops.states import LetterState
from ops.transactions import use_case

BREAKERS = "alerts:"
# A receiver that asks for pauses for longer than this is one that fails.
PATIENCE = timedelta(hours=72)
# For so long, processes of older and newer settings run side by side.
ROLL_OUT = timedelta(minutes=30)
LONGEST_PAUSE_S = 3600


class NotDelivered(Exception):
    """The receiver did not take it. Its text is the channel and the error."""


@use_case
def fan_out(*, alert_id: UUID, round_number: int, now: datetime) -> None:
    """Open the alert's deliveries, once a round however often it is called."""
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    is_done = round_number == 1 and alert.delivered_at is not None
    if not is_done and not alert.deliveries.filter(round=round_number).exists():
        outbox.tell_raised(alert, round_number=round_number, now=now)


@use_case
def tell_count(*, alert_id: UUID, now: datetime) -> None:
    """A storm is over: one more round for the channels that were told of fewer than came.

    Nothing for one that still waits, which is told the count as it stands, nor for an alert
    that is resolved.
    """
    alert = Alert.objects.select_for_update().get(pk=alert_id)
    told = alert.deliveries.filter(news=News.RAISED)
    done = told.filter(Q(state=DeliveryState.PENDING) | Q(told_count__gte=alert.count))
    delivered = told.filter(state=DeliveryState.DELIVERED)
    behind = set(delivered.values_list("address", flat=True)) - set(
        done.values_list("address", flat=True)
    )
    if behind and alert.state != AlertState.RESOLVED:
        outbox.tell_raised(alert, round_number=next_round(alert), only=behind, now=now)


def next_round(alert: Alert) -> int:
    last: int | None = alert.deliveries.aggregate(last=Max("round"))["last"]
    return (last or 1) + 1


def send(*, delivery_id: UUID, now: datetime) -> None:
    """Call the receiver once. Nothing when it has it, is gone, or is not in the settings for
    longer than PATIENCE.

    Raises NotDelivered when it must be tried again; if it was called, the attempt is on record.
    """
    delivery = AlertDelivery.objects.select_related("alert").get(pk=delivery_id)
    if delivery.state == DeliveryState.DELIVERED:
        return
    channel = _channel_of(delivery, now)
    if channel is None and delivery.created_at > now - PATIENCE:
        raise NotDelivered(f"{delivery.channel}: no channel of this process leads there")
    if channel is None or receivers.is_disabled(channel):
        _refuse(delivery_id=delivery_id, now=now)
        return
    message = message_of(delivery, now=now)
    started = time.perf_counter()
    answer = _ask(channel, message)
    ms = round((time.perf_counter() - started) * 1000)
    crash.point("alerts.sent_not_marked")
    must_retry = _record(
        delivery_id=delivery_id, channel=channel, told=message, answer=answer, ms=ms
    )
    if must_retry:
        raise NotDelivered(f"{channel.name}: {answer.error}")


def _channel_of(delivery: AlertDelivery, now: datetime) -> Channel | None:
    """The channel that leads to its address, whatever its name is now. Where none does, once
    a roll-out is over, the one that took its place and is not told by a delivery of its own."""
    named = channels.find(delivery.channel)
    if not delivery.address:
        return named
    channel = channels.at(delivery.address)
    if channel or named is None or delivery.created_at > now - ROLL_OUT:
        return channel
    own = delivery.alert.deliveries.filter(news=delivery.news, round=delivery.round)
    return None if own.filter(address=named.address).exists() else named


def _ask(channel: Channel, message: Message) -> Answer:
    """A breaker for each receiver: while it is down, its alerts take no worker's time."""
    if not channel.is_remote:
        return channel.send(message)

    def refusal(retry_after: int) -> NotDelivered:
        return NotDelivered(f"{channel.name}: not called, it failed too often lately")

    with upstream.calling(BREAKERS + channel.name, most_s=TIMEOUT_S, refusal=refusal) as call:
        answer = channel.send(message)
        call.succeeded = answer.is_sound
    return answer


@use_case
def _record(*, delivery_id: UUID, channel: Channel, told: Message, answer: Answer, ms: int) -> bool:
    """Keep the attempt and what follows from it. True when it must be tried again."""
    now = told.sent_at
    delivery = AlertDelivery.objects.get(pk=delivery_id)
    alert = Alert.objects.select_for_update().get(pk=delivery.alert_id)
    DeliveryAttempt.objects.create(
        delivery=delivery, at=now, status=answer.status, error=answer.error, ms=ms
    )
    count(DELIVERIES, channel.name, _outcome(answer))
    if not answer.error:
        _close(delivery, DeliveryState.DELIVERED, alert, now, told_count=told.count)
        if delivery.news == News.RAISED and alert.state == AlertState.RESOLVED:
            outbox.tell_resolved([alert], now=now)
        return False
    if answer.is_gone:
        _close(delivery, DeliveryState.REFUSED, alert, now)
        _switch_off(channel, answer, now)
        return False
    if answer.retry_after_s and delivery.created_at > now - PATIENCE:
        outbox.send_later(delivery, after_s=max(answer.retry_after_s, _patience_s(delivery)))
        return False
    return True


def _patience_s(delivery: AlertDelivery) -> int:
    """Twice as long after each attempt: a receiver may ask for a second again and again."""
    attempts = delivery.attempts.count()
    return min(LONGEST_PAUSE_S, 1 << min(attempts - 1, 12))


def _outcome(answer: Answer) -> str:
    if answer.is_gone:
        return "refused"
    return "failed" if answer.error else "delivered"


@use_case
def _refuse(*, delivery_id: UUID | str, now: datetime) -> None:
    delivery = AlertDelivery.objects.get(pk=delivery_id)
    alert = Alert.objects.select_for_update().get(pk=delivery.alert_id)
    _close(delivery, DeliveryState.REFUSED, alert, now)


def close_discarded(*, now: datetime) -> None:
    """Whoever discards the dead letter of a delivery, or of opening them, gives that up:
    nothing waits for it.

    A replay of the letter sends it all the same.
    """
    pending = AlertDelivery.objects.filter(state=DeliveryState.PENDING)
    for delivery_id in _discarded("send_delivery", "delivery_id", pending):
        _refuse(delivery_id=delivery_id, now=now)
    unopened = Alert.objects.filter(delivered_at=None).exclude(deliveries__in=pending)
    given_up = _discarded("deliver_alert", "alert_id", unopened)
    unopened.filter(pk__in=given_up).update(delivered_at=now)


def _discarded(task: str, argument: str, rows: QuerySet[Any]) -> list[str]:
    """The ids of those rows whose job's letter is discarded."""
    letters = DeadLetter.objects.filter(
        task=f"alerts.tasks.{task}",
        state=LetterState.DISCARDED,
        **{f"arguments__{argument}__in": [str(pk) for pk in rows.values_list("pk", flat=True)]},
    )
    return list(letters.values_list(f"arguments__{argument}", flat=True))


def _close(
    delivery: AlertDelivery, to: DeliveryState, alert: Alert, now: datetime, **changes: Any
) -> None:
    undelivered = alert.deliveries.exclude(state=DeliveryState.DELIVERED)
    undelivered.filter(pk=delivery.pk).update(state=to, done_at=now, **changes)
    if not undelivered.filter(state=DeliveryState.PENDING).exists():
        Alert.objects.filter(pk=alert.pk, delivered_at=None).update(delivered_at=now)


def _switch_off(channel: Channel, answer: Answer, now: datetime) -> None:
    if receivers.disable(channel=channel, why=answer.error, now=now):
        raise_alert(
            kind="alerts.receiver_gone",
            severity=Severity.HIGH,
            message=f"The receiver of {channel.name} is gone ({answer.error}) and is switched off.",
            metadata={"channel": channel.name},
            dedupe_key=f"receiver-gone:{channel.name}:{channel.address}",
            now=now,
        )


def message_of(delivery: AlertDelivery, *, now: datetime) -> Message:
    """What the receiver is told: the count as it stands, and nothing secret."""
    alert = delivery.alert
    path = reverse("admin:alerts_alert_change", args=[alert.pk])
    return Message(
        delivery_id=str(delivery.pk),
        news=News(delivery.news),
        alert_id=str(alert.pk),
        incident_id=str(alert.incident_id),
        kind=alert.kind,
        severity=Severity(alert.severity),
        message=redact_text(alert.message),
        metadata=cast(dict[str, Any], redact(alert.metadata)),
        what_to_do=kinds.find(alert.kind).what_to_do,
        count=alert.count,
        since_last=_untold(delivery),
        request_id=alert.request_id,
        raised_at=alert.raised_at,
        last_raised_at=alert.last_raised_at,
        sent_at=now,
        url=f"{settings.PUBLIC_API_URL}{path}",
    )


def _untold(delivery: AlertDelivery) -> int:
    """How often the matter came up after this channel was last told of it."""
    alert = delivery.alert
    same = {"address": delivery.address} if delivery.address else {"channel": delivery.channel}
    before = AlertDelivery.objects.filter(
        **same,
        alert__dedupe_key=alert.dedupe_key,
        alert__raised_at__lt=alert.raised_at,
        state=DeliveryState.DELIVERED,
        news=News.RAISED,
    )
    last = (
        before.order_by("-alert__raised_at", "-round")
        .values_list("alert__count", "told_count")
        .first()
    )
    return max(0, last[0] - (last[1] or 0)) if last else 0
