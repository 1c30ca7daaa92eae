"""Who may read metrics: whoever holds METRICS_TOKEN; anybody while developing without one."""

from __future__ import annotations

from django.conf import settings
from django.utils.crypto import constant_time_compare


def is_allowed(authorization: str) -> bool:
    """`authorization` is the header of that name, or an empty string."""
    if not settings.METRICS_TOKEN:
        return bool(settings.DEBUG)
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and constant_time_compare(given, settings.METRICS_TOKEN)
