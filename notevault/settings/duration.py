"""Durations as jsonwebtoken writes them: `7d`, `12h`, `30m`, `45s`, `2w`, or plain seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks", "": "seconds"}
# Ten years: a token's end must be a date.
_LONGEST = timedelta(days=3650)


def parse(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,9})([smhdw]?)", text.strip())
    length = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else timedelta()
    if not timedelta() < length <= _LONGEST:
        raise ImproperlyConfigured(f"JWT_EXPIRES_IN: {text!r} is not a duration such as 7d or 12h")
    return length
