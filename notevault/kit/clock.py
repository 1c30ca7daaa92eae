"""The one place that reads the wall clock; everything below a view takes `now`."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    """The time as an aware UTC datetime."""
    return timezone.now()
