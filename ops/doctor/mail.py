"""Whether mails reach anybody."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from ops.doctor.finding import Finding, Level, Visit, fail, judge, ok

UNREACHABLE = (OSError, smtplib.SMTPException)
ENCRYPTED = ("smtps", "smtp+tls", "smtp+ssl")


def examine(visit: Visit) -> Iterator[Finding]:
    scheme = urlsplit(settings.EMAIL_URL).scheme
    if not scheme:
        yield Finding(
            visit.grave,
            "EMAIL_URL is not set: mails are written to the log, and nobody gets one.",
            "Set EMAIL_URL=smtp+tls://user:password@host:587.",
        )
        return
    yield judge(
        scheme in ENCRYPTED,
        level=Level.WARN,
        well=f"Mails go out encrypted, from {settings.DEFAULT_FROM_EMAIL}.",
        ill=f"EMAIL_URL is {scheme}://: mails do not leave, or not encrypted.",
        remedy="Set EMAIL_URL=smtp+tls://user:password@host:587.",
    )
    if visit.online:
        yield _connects()
    if visit.mail_to:
        yield _sends(visit.mail_to)


def _connects() -> Finding:
    server = get_connection()
    try:
        server.open()
        server.close()
    except UNREACHABLE as error:
        return _failed("The mail server does not take us", error)
    return ok("The mail server takes us.")


def _sends(to: str) -> Finding:
    text = "This is a test: `manage.py doctor` was asked whether mails arrive."
    message = EmailMessage("NoteVault: a test", text, to=[to])
    try:
        message.send()
    except UNREACHABLE as error:
        return _failed(f"No mail could be sent to {to}", error)
    return ok(f"A test mail to {to} was taken. Look whether it arrives.")


def _failed(what: str, error: Exception) -> Finding:
    said = str(error).strip() or type(error).__name__
    return fail(f"{what}: {said}", "Check host, port, user and password in EMAIL_URL.")
