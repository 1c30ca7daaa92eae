"""What PostgreSQL can hold of values that nobody has looked at: an alert must not fail by them."""

from __future__ import annotations

import math
from typing import Any

DEEPEST = 6
_INT64 = range(-(2**63), 2**63)


def text(value: object, *, longest: int | None = None) -> str:
    """Without NUL, which it refuses, and with half a surrogate pair spelled out."""
    return str(value).replace("\x00", "").encode(errors="backslashreplace").decode()[:longest]


def json(value: Any, *, depth: int = 0) -> Any:
    """As near to the value as JSON can come: what it has no form for becomes text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if value in _INT64 else hex(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if depth < DEEPEST and isinstance(value, dict):
        return {text(key): json(item, depth=depth + 1) for key, item in value.items()}
    if depth < DEEPEST and isinstance(value, (list, tuple, set)):
        return [json(item, depth=depth + 1) for item in value]
    return text(value)
