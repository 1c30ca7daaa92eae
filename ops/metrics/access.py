"""Who may read metrics: whoever holds METRICS_TOKEN; anybody while developing without one."""

from __future__ import annotations

from django.conf import settings

from ops.access import holds_metrics_token


def is_allowed(authorization: str) -> bool:
    """`authorization` is the header of that name, or an empty string."""
    if not settings.METRICS_TOKEN:
        return bool(settings.DEBUG)
    return holds_metrics_token(authorization)
