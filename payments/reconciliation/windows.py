"""Closed windows of time: one for each day, none that still grows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from notevault.kit.clock import indian_midnight
from notevault.kit.errors import DomainError

ONE_DAY = timedelta(days=1)
# What is younger is no difference yet: its news may be on the way.
GRACE = timedelta(minutes=10)


class DaysOutOfRange(DomainError):
    code = "days_out_of_range"


@dataclass(frozen=True)
class Window:
    """From `start` to before `end`, all of it on `day`."""

    day: date
    start: datetime
    end: datetime


def closed_windows(*, start: date, end: date, now: datetime) -> list[Window]:
    """A window a day from `start` to `end`, both included, as far as they are over.

    Raises DaysOutOfRange when the last day is before the first, or nothing is over yet.
    """
    if end < start:
        raise DaysOutOfRange(f"The last day {end} is before the first day {start}.")
    windows = list(_windows(start, end, now - GRACE))
    if not windows:
        raise DaysOutOfRange(f"Nothing of {start} is over yet.")
    return windows


def _windows(start: date, end: date, until: datetime) -> Iterator[Window]:
    day = start
    while day <= end and indian_midnight(day) < until:
        yield Window(day, indian_midnight(day), min(indian_midnight(day + ONE_DAY), until))
        day += ONE_DAY
