"""What a channel is, what it is given to tell, and how it answers."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from alerts.models import Severity
from alerts.states import News

LONGEST_ERROR = 300


@dataclass(frozen=True)
class Message:
    """One alert as it leaves the house: all of it is redacted.

    `count` is how often it was raised up to now, `since_last` how often the matter came up
    after the alert that this channel had before.
    """

    delivery_id: str
    news: News
    alert_id: str
    incident_id: str
    kind: str
    severity: Severity
    message: str
    metadata: dict[str, Any]
    what_to_do: str
    count: int
    since_last: int
    request_id: str
    raised_at: datetime
    last_raised_at: datetime
    sent_at: datetime
    url: str

    @property
    def is_resolved(self) -> bool:
        return self.news == News.RESOLVED

    @property
    def title(self) -> str:
        return f"[{'RESOLVED' if self.is_resolved else self.severity.upper()}] {self.message}"

    @property
    def how_often(self) -> str:
        """In words, when it was not only once."""
        said = f"Raised {self.count} times." if self.count > 1 else ""
        if self.since_last:
            said += f" {self.since_last} more since the last alert of this matter."
        return said.strip()

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.alert_id,
            "incident_id": self.incident_id,
            "kind": self.kind,
            "severity": str(self.severity),
            "message": self.message,
            "metadata": self.metadata,
            "what_to_do": self.what_to_do,
            "count": self.count,
            "since_last": self.since_last,
            "request_id": self.request_id,
            "raised_at": self.raised_at.isoformat(),
            "last_raised_at": self.last_raised_at.isoformat(),
            "url": self.url,
        }


@dataclass(frozen=True)
class Answer:
    """What became of one attempt; it succeeded when `error` is empty.

    `is_gone`: never send here again. `retry_after_s`: it is well, and asks for a pause.
    """

    status: int | None = None
    error: str = ""
    is_gone: bool = False
    retry_after_s: int | None = None

    @property
    def is_sound(self) -> bool:
        """False when the receiver is down or broken, not when it only refuses."""
        return not self.error or (self.status is not None and self.status < 500)


@dataclass(frozen=True, kw_only=True)
class Channel(ABC):
    """A way to tell somebody. `least` is the least severity that it is told of."""

    name: str
    least: Severity = Severity.WARNING

    is_remote: ClassVar[bool] = True
    knows_resolve: ClassVar[bool] = True

    @property
    @abstractmethod
    def address(self) -> str:
        """A digest of where it leads."""

    @abstractmethod
    def send(self, message: Message) -> Answer:
        """Whom it calls may be slow, broken or hostile: for that it raises nothing, and it
        answers within five seconds."""


_RANK = {Severity.WARNING: 0, Severity.HIGH: 1, Severity.CRITICAL: 2}


def wants(channel: Channel, severity: str) -> bool:
    return _RANK[Severity(severity)] >= _RANK[channel.least]


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def one_line(text: str, *, secrets: tuple[str, ...] = ()) -> str:
    """What somebody else said, fit for a row, a log and a page."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[redacted]")
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(printable.split())[:LONGEST_ERROR]
