"""Checks on what a merchant sends, refused in Razorpay's words."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from payments.sandbox.entities import Notes
from payments.sandbox.errors import RazorpayError

MIN_AMOUNT_PAISE = 100
MAX_TEXT = 256
MAX_NOTES = 15
LARGEST_INTEGER = 2**53


@dataclass(frozen=True)
class Page:
    """The window of a list: times are Unix seconds and inclusive, newest first."""

    start: int
    end: int
    count: int
    skip: int


def refuse_extra_fields(body: Mapping[str, Any], *, allowed: Collection[str]) -> None:
    extra = sorted(set(body) - set(allowed))
    if extra:
        names = ", ".join(name[:MAX_TEXT] for name in extra)
        raise RazorpayError(f"{names} is/are not required and should not be sent")


def read_amount(body: Mapping[str, Any]) -> int:
    """Whole paise, at least 100; digits in a string pass, as they do at Razorpay."""
    value = body.get("amount")
    if value is None:
        raise RazorpayError("The amount field is required.", field="amount")
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RazorpayError("The amount must be an integer.", field="amount")
    if value < MIN_AMOUNT_PAISE:
        raise RazorpayError("The amount must be at least INR 1.00", field="amount")
    return value


def read_currency(body: Mapping[str, Any], *, default: str | None = None) -> str:
    value = body.get("currency", default)
    if value is None:
        raise RazorpayError("The currency field is required.", field="currency")
    if value != "INR":
        raise RazorpayError("Currency is not supported", field="currency")
    return "INR"


def read_receipt(body: Mapping[str, Any]) -> str | None:
    value = body.get("receipt")
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _is_encodable(value):
        raise RazorpayError("The receipt must be a string.", field="receipt")
    if len(value) > 40:
        raise RazorpayError("The receipt may not be greater than 40 characters.", field="receipt")
    return value


def read_notes(body: Mapping[str, Any]) -> Notes:
    """Up to 15 pairs of 256 characters; Razorpay gives empty notes back as a list."""
    value = body.get("notes")
    if not value:
        return []
    if not isinstance(value, dict):
        raise RazorpayError("The notes must be an array.", field="notes")
    if len(value) > MAX_NOTES:
        raise RazorpayError("Number of fields in notes should be less than or equal to 15")
    for name, text in value.items():
        _check_note(name, text)
    return value


def read_choice(
    body: Mapping[str, Any], name: str, *, choices: Collection[str], default: str
) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or value not in choices:
        raise RazorpayError(f"The selected {name} is invalid.", field=name)
    return value


def read_flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """True or false, also written 1 or 0."""
    value = body.get(name, default)
    if value not in (True, False):
        raise RazorpayError(f"The {name} field must be true or false.", field=name)
    return bool(value)


def read_minutes(body: Mapping[str, Any], name: str, *, least: int, most: int, default: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise RazorpayError(f"The {name} must be between {least} and {most}.", field=name)
    return value


def read_speed(body: Mapping[str, Any]) -> float:
    value = body.get("speed")
    if not isinstance(value, int | float) or isinstance(value, bool):
        value = 0
    if not 0 < value <= LARGEST_INTEGER:
        raise RazorpayError("The speed must be a number above 0.", field="speed")
    return float(value)


def read_page(query: Mapping[str, str], *, largest: int = 100) -> Page:
    count = read_integer(query, "count", default=10)
    if count < 1:
        raise RazorpayError("The count must be at least 1.", field="count")
    if count > largest:
        raise RazorpayError(f"The count may not be greater than {largest}.", field="count")
    return Page(
        start=read_integer(query, "from", default=0),
        end=read_integer(query, "to", default=LARGEST_INTEGER),
        count=count,
        skip=read_integer(query, "skip", default=0),
    )


def read_integer(query: Mapping[str, str], name: str, *, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,16}", text) or int(text) > LARGEST_INTEGER:
        raise RazorpayError(f"The {name} must be an integer.", field=name)
    return int(text)


def _check_note(name: str, text: object) -> None:
    if not isinstance(text, str | int):
        raise RazorpayError("The notes must hold plain values.", field="notes")
    if len(name) > MAX_TEXT or len(str(text)) > MAX_TEXT:
        raise RazorpayError("The notes may not be greater than 256 characters each.", field="notes")


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
