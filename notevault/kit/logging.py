"""Logs as one JSON object a line on stdout, with secrets and e-mail addresses removed.

`configure` returns the dict for Django's LOGGING; structlog and the standard library
share one chain of processors, so a line of a third-party package is redacted as well.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"passw(or)?d|secret|token|signature|authorization|cookie|api[_-]?key|otp|card_?number|account_?number|cvv",
    re.IGNORECASE,
)
# Each pattern starts at the edge of a word and is bounded, so that no text takes long.
_URL_PASSWORD = re.compile(r"(://[^\s/:@]{0,200}:)[^\s@]{1,500}@")
_EMAIL = re.compile(r"[\w.%+-]{1,64}@[\w.-]{1,255}\.\w{2,24}")
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_PAIR = re.compile(
    r"""(?isx)(?<![\w-])
        (?:([\w-]*(?:authorization|cookie))|([\w-]*(?:passw(?:or)?d|secret|token|signature|
            api[_-]?key|otp|sessionid|card_?number|account_?number|cvv)))
        \\*["']?\s*[=:]\s*
        (?:b?(?P<quote>\\*["']).{0,2000}?(?<!\\)(?P=quote)  # up to the same quote, unescaped
            |b?\\*["'][^\n]*  # one that is never closed
            |(?(1)[^\n"']+|[^\s"'&,;}\]]+))"""
)
_HEX = re.compile(r"\b[0-9a-f]{64,}\b", re.IGNORECASE)
_INT64 = range(-(2**63), 2**64)


def redact_text(text: str) -> str:
    """The text without tokens, signatures, `password=…` pairs and e-mail addresses."""
    if not text.isascii():  # half a surrogate pair cannot be written
        text = text.encode(errors="backslashreplace").decode()
    if "@" in text:
        text = _EMAIL.sub(REDACTED, _URL_PASSWORD.sub(rf"\1{REDACTED}@", text))
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    text = _PAIR.sub(lambda pair: f"{pair[1] or pair[2]}={REDACTED}", text)
    return _HEX.sub(REDACTED, text)


def redact(value: Any, depth: int = 0) -> Any:
    """The value without secrets, and as JSON can hold it."""
    if isinstance(value, str):
        return redact_text(value)
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int) and value in _INT64:
        return value
    if depth > 6:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            redact_text(str(key)): REDACTED
            if _SECRET_KEY.search(str(key))
            else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [redact(item, depth + 1) for item in value]
    return redact_text(str(value))


def redact_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    clean: EventDict = redact(event)
    return clean


def to_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


# Python's names, and those of pino and winston, which an existing LOG_LEVEL may hold.
_LEVELS = {
    "DEBUG": ("debug", "trace", "verbose", "silly"),
    "INFO": ("info", "http"),
    "WARNING": ("warning", "warn"),
    "ERROR": ("error",),
    "CRITICAL": ("critical", "fatal", "silent"),
}


def level_named(name: str) -> str:
    """Python's name of a level, written in any case. Raises ImproperlyConfigured."""
    for level, names in _LEVELS.items():
        if name.strip().lower() in names:
            return level
    raise ImproperlyConfigured(f"LOG_LEVEL: {name!r} is not a level such as info or warning")


class RouteForPath(logging.Filter):
    """Django's own lines name the path of a request, which may carry a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        path = getattr(request, "path", None)
        if request is not None and path and isinstance(record.args, tuple):
            match = request.resolver_match
            route = match.route if match else ""
            record.args = tuple(route if item == path else item for item in record.args)
        return True


# What every line goes through, ours and other packages' alike.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
_LEVEL_OF = {
    "django.request": {"level": "ERROR"},
    # One line a request is ours (kit/correlation.py); theirs repeats it.
    "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
    "pikepdf": {"level": "WARNING"},
    "procrastinate": {"level": "WARNING"},
    "stamina": {"level": "INFO"},
}


def configure(*, level: str, as_json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING for the same format."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structured": _formatter(as_json)},
        "filters": {"route_for_path": {"()": RouteForPath}},
        "handlers": {
            "stdout": {
                "filters": ["route_for_path"],
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "structured",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": _LEVEL_OF,
    }


def _formatter(as_json: bool) -> dict[str, Any]:
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=to_json)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact_event,
            renderer,
        ],
    }
