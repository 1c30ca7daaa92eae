"""Durations as jsonwebtoken writes them: `7d`, `12h`, `30m`, `45s`, or plain seconds."""

from __future__ import annotations

import re
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "": "seconds"}


def parse(text: str) -> timedelta:
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip())
    if not match or int(match[1]) == 0:
        raise ImproperlyConfigured(f"JWT_EXPIRES_IN: {text!r} is not a duration such as 7d or 12h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
