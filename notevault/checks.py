"""What a process says at its start when its settings will disappoint somebody."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register()
def mails_reach_nobody(**_: Any) -> list[checks.CheckMessage]:
    if settings.DEBUG or settings.EMAIL_URL:
        return []
    return [
        checks.Warning(
            "EMAIL_URL is not set: mails are written to the log, and nobody gets one.",
            hint="Set it to the mail server, such as smtp+tls://user:password@host:587.",
            id="notevault.W001",
        )
    ]
