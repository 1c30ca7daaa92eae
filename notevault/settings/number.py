"""Numbers of the environment. Empty is the default; what is none is refused by its name."""

from __future__ import annotations

import math
import os

from django.core.exceptions import ImproperlyConfigured


def whole(name: str, *, default: int, least: int = 0) -> int:
    text = os.environ.get(name, "").strip()
    try:
        value = int(text) if text else default
    except ValueError:
        raise ImproperlyConfigured(f"{name}: {text!r} is not a whole number") from None
    if value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}")
    return value


def seconds(name: str, *, default: float) -> float:
    text = os.environ.get(name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ImproperlyConfigured(f"{name}: {text!r} is not a number of seconds")
    return value
