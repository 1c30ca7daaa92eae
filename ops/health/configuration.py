"""What settings leave to be desired. `manage.py doctor` says what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from health_check.exceptions import ServiceWarning

from ops.health.check import Check


def shortcomings() -> list[str]:
    """Names of what is missing or only good for development; no value of any."""
    secrets = (settings.JWT_SECRET, settings.JWT_SECRET_PREVIOUS)
    found = {
        "DEBUG is on": settings.DEBUG,
        "JWT_SECRET is the one of development": settings.DEVELOPMENT_SECRET in secrets,
        "EMAIL_URL is not set": not settings.EMAIL_URL,
        "METRICS_TOKEN is not set": not settings.METRICS_TOKEN,
    }
    return [name for name, is_so in found.items() if is_so]


@dataclass
class Configuration(Check):
    """Settings are those of production, whole."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        self.details["shortcomings"] = found = shortcomings()
        if found:
            raise ServiceWarning("; ".join(found))
