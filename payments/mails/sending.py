"""From a letter to Django's e-mail backend."""

from __future__ import annotations

import smtplib
from email.utils import parseaddr
from uuid import UUID

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from notevault.accounts.models import User
from ops.upstream import calling
from payments.mails import letters
from payments.mails.kinds import MailKind
from payments.mails.letters import Letter

log = structlog.get_logger("notevault.mails")


class MailNotSent(Exception):
    """The mail server is away, busy, or will not take it: to be tried again."""


def send(*, kind: MailKind, subject_id: UUID, recipient_id: UUID) -> None:
    """Send one mail. Repeated, it is the same message with the same `Message-ID`.

    Nothing is sent to somebody who has left, nor what has been overtaken meanwhile. Raises
    MailNotSent.
    """
    about = {"kind": str(kind), "subject_id": str(subject_id), "recipient_id": str(recipient_id)}
    recipient = User.objects.filter(pk=recipient_id, is_active=True).first()
    if recipient is None:
        log.info("mail.nobody_to_tell", **about)
        return
    letter = letters.write(kind, subject_id=subject_id, recipient_id=recipient_id)
    if letter is None:
        log.info("mail.overtaken", **about)
        return
    _hand_over(compose(letter, to=recipient, message_id=message_id(kind, subject_id, recipient_id)))
    log.info("mail.sent", **about)


def message_id(kind: MailKind, subject_id: UUID, recipient_id: UUID) -> str:
    """The same for the same mail, so that a mailbox can tell a repeat."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return f"<{kind}.{subject_id.hex}.{recipient_id.hex}@{domain}>"


def compose(letter: Letter, *, to: User, message_id: str) -> EmailMultiAlternatives:
    page = {"letter": letter, "name": _one_line(to.name)}
    message = EmailMultiAlternatives(
        subject=_one_line(letter.subject),
        body=render_to_string("mail/letter.txt", page),
        to=[to.email],
        headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("mail/letter.html", page), "text/html")
    return message


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _hand_over(message: EmailMultiAlternatives) -> None:
    """By way of a circuit breaker: a silent server must not keep every worker waiting."""
    with calling("mail", most_s=settings.EMAIL_TIMEOUT, refusal=_busy) as call:
        try:
            message.send()
        except smtplib.SMTPRecipientsRefused as refusal:
            call.succeeded = True  # the server works; it is this address
            raise MailNotSent("the recipient was refused") from refusal
        except (smtplib.SMTPException, OSError) as error:
            raise MailNotSent(type(error).__name__) from error
        call.succeeded = True


def _busy(retry_after: int) -> MailNotSent:
    return MailNotSent(f"the mail server is left alone for {retry_after} s")
