"""PagerDuty's Events API v2: one incident for one matter, resolved when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field

from alerts.channels.port import Message, digest
from alerts.channels.posting import PostingChannel

URL = "https://events.pagerduty.com/v2/enqueue"
LONGEST_SUMMARY = 1024
SEVERITY = {"critical": "critical", "high": "error", "warning": "warning"}


@dataclass(frozen=True, kw_only=True)
class PagerDuty(PostingChannel):
    """PagerDuty itself drops doubles by the dedup key, which is the matter's."""

    routing_key: str = field(repr=False)

    @property
    def address(self) -> str:
        return digest(f"{self.url} {self.routing_key}")

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.routing_key,)

    def payload(self, message: Message) -> dict[str, object]:
        event: dict[str, object] = {
            "routing_key": self.routing_key,
            "event_action": "resolve" if message.is_resolved else "trigger",
            "dedup_key": message.incident_id,
        }
        if message.is_resolved:
            return event
        return {
            **event,
            "client": "NoteVault",
            "client_url": message.url,
            "payload": {
                "summary": message.message[:LONGEST_SUMMARY],
                "source": "notevault",
                "severity": SEVERITY[message.severity],
                "timestamp": message.raised_at.isoformat(),
                "class": message.kind,
                "component": message.kind.partition(".")[0],
                "custom_details": {**message.as_json(), "delivery_id": message.delivery_id},
            },
        }
