"""A plain mail to each address, by whatever EMAIL_URL names."""

from __future__ import annotations

import smtplib
from dataclasses import dataclass

import orjson
from django.core.mail import EmailMessage, get_connection

from alerts.channels.port import Answer, Channel, Message, digest, one_line
from alerts.channels.wire import TIMEOUT_S
from notevault.kit.redaction import redact_text


@dataclass(frozen=True, kw_only=True)
class Email(Channel):
    name: str = "email"
    recipients: tuple[str, ...]

    knows_resolve = False

    @property
    def address(self) -> str:
        return digest(",".join(self.recipients))

    def send(self, message: Message) -> Answer:
        mail = EmailMessage(
            subject=one_line(message.title)[:150],
            body=body_of(message),
            to=[*self.recipients],
            connection=get_connection(timeout=TIMEOUT_S),
            # The same at every attempt: mail servers and readers drop doubles by it.
            headers={"Message-ID": f"<{message.delivery_id}@notevault>"},
        )
        try:
            mail.send()
        except (OSError, smtplib.SMTPException) as error:
            return Answer(error=one_line(redact_text(f"{type(error).__name__}: {error}")))
        return Answer()


def body_of(message: Message) -> str:
    details = orjson.dumps(message.metadata, option=orjson.OPT_INDENT_2).decode()
    return "\n".join(
        (
            message.message,
            message.how_often,
            "",
            f"What to do: {message.what_to_do}",
            "",
            f"Kind: {message.kind} ({message.severity})",
            f"Raised at: {message.raised_at.isoformat()}",
            f"Request: {message.request_id or '-'}",
            f"Delivery: {message.delivery_id}",
            f"In admin: {message.url}",
            "",
            details,
        )
    )
