"""The webhook inbox: verify the raw bytes, store once, leave the rest to a job."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import crash
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments import instruments
from payments.gateways.entities import MalformedEntity, epoch
from payments.gateways.signatures import webhook_is_authentic
from payments.models import WebhookEvent
from payments.webhooks.handlers import known_event

MAX_SKEW = timedelta(minutes=5)
# Razorpay retries for 24 h and its dashboard replays up to 15 days later.
MAX_AGE = timedelta(days=16)
_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{6,80}")


class WebhookRefused(DomainError):
    code = "webhook_refused"


def receive(*, body: bytes, signature: str, event_id: str, now: datetime) -> bool:
    """Store an authentic event and defer its job, in one transaction.

    False for one that is stored already. Raises WebhookRefused, with a counted alert,
    for a wrong signature, an event from the future or one older than 16 days.
    """
    secrets = (settings.RAZORPAY_WEBHOOK_SECRET, settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS)
    if not webhook_is_authentic(body=body, signature=signature, secrets=secrets):
        _count(instruments.OTHER, "refused_signature")
        _alert(kind="payments.webhook_forged", message="A webhook's signature is wrong.", now=now)
        raise WebhookRefused("The signature does not match the body.")
    try:
        envelope = _parse(body)
        created_at = _created_at(envelope)
    except WebhookRefused:
        _count(instruments.OTHER, "refused_form")
        raise
    if not now - MAX_AGE <= created_at <= now + MAX_SKEW:
        _count(envelope["event"], "refused_time")
        _alert(
            kind="payments.webhook_out_of_time",
            message=f"A signed webhook is dated {created_at:%Y-%m-%d %H:%M} UTC.",
            now=now,
        )
        raise WebhookRefused("The event is too old or lies in the future.")
    is_new = _store(
        event_id=event_id if _EVENT_ID.fullmatch(event_id) else _id_from(body),
        body=body,
        envelope=envelope,
        created_at=created_at,
        now=now,
    )
    _count(envelope["event"], "accepted" if is_new else "duplicate")
    if is_new:
        instruments.WEBHOOK_LAG.observe(max(0.0, (now - created_at).total_seconds()))
    crash.point("webhook.stored")
    return is_new


def _count(event: str, outcome: str) -> None:
    instruments.WEBHOOK_EVENTS.labels(known_event(event), outcome).inc()


def _parse(body: bytes) -> dict[str, Any]:
    try:
        envelope = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WebhookRefused("The body is not JSON, or too deep.") from error
    if not isinstance(envelope, dict) or not isinstance(envelope.get("event"), str):
        raise WebhookRefused("The body is not an event.")
    if not isinstance(envelope.get("payload"), dict):
        raise WebhookRefused("The event has no payload.")
    try:
        clean: dict[str, Any] = _without_nul(envelope)
    except RecursionError as error:
        raise WebhookRefused("The body is nested too deeply.") from error
    return clean


def _without_nul(value: Any) -> Any:
    """PostgreSQL's jsonb cannot hold U+0000, and a payer's remark may."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    return value


def _created_at(envelope: Mapping[str, Any]) -> datetime:
    try:
        return epoch(envelope.get("created_at"))
    except MalformedEntity as error:
        raise WebhookRefused("The event has no time.") from error


def _id_from(body: bytes) -> str:
    return f"sha256_{hashlib.sha256(body).hexdigest()}"


@use_case
def _store(
    *, event_id: str, body: bytes, envelope: Mapping[str, Any], created_at: datetime, now: datetime
) -> bool:
    # The id is not signed: under one that is taken, another body is still another event.
    taken = WebhookEvent.objects.filter(event_id=event_id).values_list("payload", flat=True).first()
    if taken is not None and taken != envelope["payload"]:
        event_id = _id_from(body)
    event, is_new = WebhookEvent.objects.get_or_create(
        event_id=event_id,
        defaults={
            "event": envelope["event"][:64],
            "payload": envelope["payload"],
            "created_at": created_at,
            "received_at": now,
        },
    )
    if is_new:
        jobs.defer("payments.tasks.handle_event", event_id=str(event.pk))
    return is_new


@use_case
def _alert(*, kind: str, message: str, now: datetime) -> None:
    raise_alert(kind=kind, severity=Severity.HIGH, message=message, dedupe_key=kind, now=now)
