"""What the channels that POST have in common: how an answer is judged, and what is kept of it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson

from alerts.channels import wire
from alerts.channels.port import Answer, Channel, Message, digest, one_line
from notevault.kit import clock
from notevault.kit.redaction import redact_text

GONE = 410
PAUSING = (429, 503)
LONGEST_PAUSE_S = 3600


@dataclass(frozen=True, kw_only=True)
class PostingChannel(Channel):
    url: str = field(repr=False)
    allow_private: bool = False

    @property
    def address(self) -> str:
        return digest(self.url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may repeat."""
        return (self.url, self.url.partition("://")[2].partition("/")[2])

    @abstractmethod
    def payload(self, message: Message) -> dict[str, object]: ...

    def headers(self, message: Message, body: bytes) -> dict[str, str]:
        return {}

    def send(self, message: Message) -> Answer:
        body = orjson.dumps(self.payload(message))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "NoteVault",
            "X-Request-ID": message.request_id or message.delivery_id,
            **self.headers(message, body),
        }
        try:
            reply = wire.post(
                self.url, body=body, headers=headers, allow_private=self.allow_private
            )
        except wire.NotReached as error:
            return Answer(error=one_line(str(error), secrets=self.secrets))
        return self._judge(reply)

    def _judge(self, reply: wire.Reply) -> Answer:
        if 200 <= reply.status < 300:
            return Answer(status=reply.status)
        if 300 <= reply.status < 400:
            error = "it answers with a redirect, which is not followed"
        else:
            said = redact_text(one_line(reply.text, secrets=self.secrets))
            error = f"it answered {reply.status}: {said}" if said else f"it answered {reply.status}"
        return Answer(
            status=reply.status,
            error=one_line(error),
            is_gone=reply.status == GONE,
            retry_after_s=(
                _seconds(reply.retry_after, clock.now()) if reply.status in PAUSING else None
            ),
        )


def _seconds(retry_after: str, now: datetime) -> int | None:
    """Of a Retry-After header, which is a number or a date; None when it is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        wanted = float(retry_after[:9])
    else:
        try:
            moment = parsedate_to_datetime(retry_after)
        except (ValueError, IndexError, TypeError):
            return None
        wanted = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(1, round(wanted)), LONGEST_PAUSE_S)
