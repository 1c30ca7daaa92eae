"""The one place that reads the wall clock; everything below a view takes `now`."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.utils import timezone


def now() -> datetime:
    """The time as an aware UTC datetime."""
    return timezone.now()


# Days of business are Indian days, whatever time zone a process lives in.
INDIA = ZoneInfo("Asia/Kolkata")


def indian_day(moment: datetime) -> date:
    return moment.astimezone(INDIA).date()


def indian_time(moment: datetime) -> str:
    """A moment for people to read: `24 Nov 2026, 18:30 IST`."""
    return f"{moment.astimezone(INDIA):%d %b %Y, %H:%M} IST"


def indian_midnight(day: date) -> datetime:
    """The moment at which an Indian day begins."""
    return datetime.combine(day, time(), INDIA)
