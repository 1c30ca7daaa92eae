"""Any other receiver: JSON, signed as Standard Webhooks has it (standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from alerts.channels.port import Message
from alerts.channels.posting import PostingChannel

PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class Webhook(PostingChannel):
    """`webhook-id` is the delivery's id: a receiver that has seen it may drop the double."""

    secret: str = field(repr=False)

    def payload(self, message: Message) -> dict[str, object]:
        return {
            "type": f"alert.{message.news}",
            "timestamp": message.sent_at.isoformat(),
            "data": message.as_json(),
        }

    def headers(self, message: Message, body: bytes) -> dict[str, str]:
        sent_at = str(int(message.sent_at.timestamp()))
        return {
            "webhook-id": message.delivery_id,
            "webhook-timestamp": sent_at,
            "webhook-signature": sign(
                secret=self.secret, message_id=message.delivery_id, sent_at=sent_at, body=body
            ),
        }


def sign(*, secret: str, message_id: str, sent_at: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = b".".join((message_id.encode(), sent_at.encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
