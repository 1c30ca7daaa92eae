"""The ways out of the house, as the settings name them. The log is always one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings

from alerts import kinds
from alerts.channels import pagerduty
from alerts.channels.email import Email
from alerts.channels.log import Log
from alerts.channels.pagerduty import PagerDuty
from alerts.channels.port import Channel, Message
from alerts.channels.slack import Slack
from alerts.channels.webhook import Webhook
from alerts.models import Severity
from alerts.states import News
from notevault.kit.ids import uuid7


def configured() -> list[Channel]:
    """Every channel, the log first. Names are unique: `webhook`, `webhook-2`, …"""
    return [Log(), *remote()]


def remote() -> list[Channel]:
    """Those that leave the house; none when the settings name none."""
    found: list[Channel] = [_of_url(url) for url in settings.SECURITY_WEBHOOK_URLS]
    if settings.PAGERDUTY_ROUTING_KEY and not any(isinstance(c, PagerDuty) for c in found):
        found.append(_of_url(pagerduty.URL))
    if settings.ALERT_EMAILS:
        found.append(Email(recipients=tuple(settings.ALERT_EMAILS), least=_least("email")))
    return _named_apart(found)


def find(name: str) -> Channel | None:
    return next((channel for channel in configured() if channel.name == name), None)


def at(address: str) -> Channel | None:
    """The one that leaves the house and leads there, whatever its name is."""
    return next((channel for channel in remote() if channel.address == address), None)


def _of_url(url: str) -> Channel:
    private = settings.ALERT_ALLOW_PRIVATE
    match urlsplit(url).hostname:
        case "hooks.slack.com":
            least = _least("slack")
            return Slack(name="slack", url=url, least=least, allow_private=private)
        case "events.pagerduty.com" | "events.eu.pagerduty.com":
            return PagerDuty(
                name="pagerduty",
                url=url,
                least=_least("pagerduty"),
                allow_private=private,
                routing_key=settings.PAGERDUTY_ROUTING_KEY,
            )
    return Webhook(
        name="webhook",
        url=url,
        least=_least("webhook"),
        allow_private=private,
        secret=settings.ALERT_WEBHOOK_SECRET,
    )


def _least(kind: str) -> Severity:
    return Severity(settings.ALERT_LEAST_SEVERITY.get(kind, Severity.WARNING))


def _named_apart(found: list[Channel]) -> list[Channel]:
    seen: dict[str, int] = {}
    named: list[Channel] = []
    for channel in found:
        seen[channel.name] = number = seen.get(channel.name, 0) + 1
        named.append(replace(channel, name=f"{channel.name}-{number}") if number > 1 else channel)
    return named


def send_test(*, now: datetime) -> list[tuple[str, str]]:
    """Send one test message by every channel; name and error of each, empty if it arrived."""
    return [(channel.name, channel.send(_test_message(now)).error) for channel in configured()]


def _test_message(now: datetime) -> Message:
    kind = kinds.find("alerts.test")
    return Message(
        delivery_id=str(uuid7()),
        news=News.RAISED,
        alert_id=str(uuid7()),
        incident_id=f"test-{uuid7()}",
        kind=kind.name,
        severity=Severity(kind.severity),
        message="A test of NoteVault's alerts.",
        metadata={},
        what_to_do=kind.what_to_do,
        count=1,
        since_last=0,
        request_id="",
        raised_at=now,
        last_raised_at=now,
        sent_at=now,
        url=f"{settings.PUBLIC_API_URL}/admin/alerts/alert/",
    )
