"""What may not stand in a log, and is taken out of every line.

By the name of its field, wherever a pair of name and value is recognised: in structures, JSON
within text, forms, headers, reprs. By its look: e-mail addresses and UPI ids (`name@bank`),
phone numbers with India's prefix, tokens, signatures, private keys, the addresses of Slack's
hooks, and card numbers that pass Luhn's test.
A bare number of ten digits stays: it may be a phone, but mostly it is an id or an amount.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

REDACTED = "[redacted]"

_NAMES = (
    r"passw(?:or)?d|passphrase|secret|token|signature|credential|otp|sessionid|session_key"
    r"|(?:api|routing|private)[_-]?key"
    r"|card_?(?:number|no)|account_?number|cvv|cvc|vpa|upi_?id|phone|mobile"
)
_HEADERS = r"authorization|cookie"
_SECRET_KEY = re.compile(
    rf"{_NAMES}|{_HEADERS}|^(?:card|contact|pan|pin|refresh|access)$", re.IGNORECASE
)

# Each pattern starts at the edge of a word, or is bounded, or takes all that it has looked at, so
# that twice the text takes twice the time, whoever wrote it.
LONGEST = 32_768
_URL_PASSWORD = re.compile(r"(://[^\s/:@]{0,200}:)[^\s@]{1,500}@")
_ADDRESS = re.compile(r"(?<![\w.%+-])[\w.%+-]+(?:@|%40)[\w-][\w.-]+\b")
_BY_LOOK = re.compile(
    r"eyJ[\w.-]{12,}|(?:Bearer|bearer|BEARER|Basic)(?:\s|%20)+[\w.~+/=%-]+|whsec_[\w+/=-]+"
    r"|hooks\.slack\.com/[^\s\"'<>]+"
    r"|-----BEGIN [A-Z ]{0,40}KEY-----(?s:.{0,8000}?-----END [A-Z ]{0,40}KEY-----|.*)"
)
_PAIR = re.compile(
    rf"""(?isx)(?<![\w-])
        (?:([\w-]*(?:{_HEADERS})s?)
            |([\w-]*(?:{_NAMES}|{_HEADERS})[\w-]{{0,40}}|card|contact|pan|pin|refresh|access))
        (?:\\*["']|%22|%27)?\s*(?:[=:]|%3[AD]|,(?=\s*\\*b?["']))\s*
        (?:b?(?P<quote>\\*["']).{{0,2000}}?(?<!\\)(?P=quote)  # up to the same quote, unescaped
            |b?\\*["'][^\n]*  # one that is never closed
            |\[redacted\](?!\w)
            # Up to its own bracket, or more where that cannot be told.
            |[\[{{](?:[^\[\]{{}}]|[\[{{][^\[\]{{}}]{{0,200}}[\]}}]){{0,2000}}[\]}}](?![\w"'\\])
            |[\[{{].{{0,4000}}
            |(?(1)[^\n"']+
                # A comma ends it, unless what follows is neither a space nor the next pair.
                |(?:[^\s"'&,;}}\]]|[,;}}\]](?=[\w!#$%*+./?@^~-])(?![\w.-]{{1,40}}\\*["']?[=:]))+))"""
)
_HEX = re.compile(r"\b[0-9a-f]{64,}\b", re.IGNORECASE)
_CARD = re.compile(r"(?<![\w.-])[2-68](?:(?:[ +-]|%20)?\d){12,18}(?![\w-])")
_PHONE = re.compile(r"(?<![\w.])(?:\+|%2B)91[\s-]?[6-9]\d{4}[\s-]?\d{5}\b", re.IGNORECASE)
# PostgreSQL quotes what it refuses. Values of a row come in brackets, one in quotes.
_REFUSED_ROW = re.compile(r"(\)=\(|Failing row contains \()(?:[^\n]*\)|[^\n]*)")
_STATEMENT = re.compile(r"(^LINE \d+: )[^\n]*", re.MULTILINE)
_REFUSED_VALUE = re.compile(
    r"((?:invalid input (?:syntax|value)|out of range)[^\n\"]{0,80}: )\"[^\n]*"
)

# No other pattern matches a short text of these characters: most are such.
_PLAIN = re.compile(
    r"[A-Za-z_./<> -]{0,60}|req_[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
_INT64 = range(-(2**63), 2**64)


def redact_text(text: str) -> str:
    """The text without secrets, and without its end where it is over-long."""
    if _PLAIN.fullmatch(text) and not _BY_LOOK.search(text):
        return text
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}…"
    if not text.isascii():  # half a surrogate pair cannot be written
        text = text.encode(errors="backslashreplace").decode()
    if "@" in text or "%40" in text:
        text = _ADDRESS.sub(REDACTED, _URL_PASSWORD.sub(rf"\1{REDACTED}@", text))
    text = _BY_LOOK.sub(REDACTED, text)
    text = _PAIR.sub(lambda pair: f"{pair[1] or pair[2]}={REDACTED}", text)
    text = _HEX.sub(REDACTED, text)
    text = _CARD.sub(_redact_card, text)
    text = _PHONE.sub(REDACTED, text)
    if "(" in text:
        text = _REFUSED_ROW.sub(rf"\1{REDACTED})", text)
    return _STATEMENT.sub(rf"\1{REDACTED}", _REFUSED_VALUE.sub(rf"\1{REDACTED}", text))


def redact(value: Any, depth: int = 0) -> Any:
    """The value without secrets, and as JSON can hold it."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and value in _INT64:
        return value if abs(value) < 10**12 else _number(value)
    if depth > 6:
        return REDACTED
    if isinstance(value, Mapping):
        return {_key(str(key)): of_key(str(key), item, depth) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return _items(list(value), depth)
    return redact_text(str(value))


def of_key(key: str, value: Any, depth: int = 0) -> Any:
    """A value that stands under this key, without secrets."""
    return REDACTED if _is_secret(key) else redact(value, depth + 1)


def _items(items: list[Any], depth: int) -> list[Any]:
    """Headers and forms also come as pairs."""
    if len(items) == 2 and isinstance(items[0], (str, bytes)) and _is_secret(_text(items[0])):
        return [_text(items[0]), REDACTED]
    return [redact(item, depth + 1) for item in items]


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="backslashreplace")


def _number(value: int) -> int | str:
    return REDACTED if _CARD.fullmatch(str(value)) and _passes_luhn(str(value)) else value


def _redact_card(found: re.Match[str]) -> str:
    digits = re.sub(r"%20|\D", "", found[0])
    return REDACTED if _passes_luhn(digits) else found[0]


def _passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


# Keys come from our own code, mostly: the same few again and again.


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return bool(_SECRET_KEY.search(key))


@lru_cache(maxsize=1024)
def _key(key: str) -> str:
    return redact_text(key)
