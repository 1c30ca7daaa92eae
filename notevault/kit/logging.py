"""Logs as one JSON object a line on stdout, with secrets and e-mail addresses removed.

`configure` returns the dict for Django's LOGGING; structlog and the standard library
share one chain of processors, so a line of a third-party package is redacted as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_KEY = re.compile(
    r"pass(word|wd)|secret|token|signature|authorization|cookie|api_?key|otp|card_?number|cvv",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,255}\.[A-Za-z]{2,24}")
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_PAIR = re.compile(
    r"""(?ix)(?<![a-z0-9])["']?((?:[a-z0-9]+_)*(?:password|passwd|secret|token|signature|
        authorization|api_?key|otp))["']?\s*[=:]\s*(?:bearer\s+|basic\s+)?["']?([^\s"'&,}\]]+)"""
)
_HEX = re.compile(r"\b[0-9a-f]{64,}\b")


def redact_text(text: str) -> str:
    """The text without tokens, signatures, `password=…` pairs and e-mail addresses."""
    if "@" in text:
        text = _EMAIL.sub(REDACTED, text)
    if "eyJ" in text:
        text = _JWT.sub(REDACTED, text)
    text = _PAIR.sub(lambda pair: f"{pair[1]}={REDACTED}", text)
    return _HEX.sub(REDACTED, text)


def redact(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return redact_text(value)
    if depth > 6:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            key: REDACTED if _SECRET_KEY.search(str(key)) else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple, set)):
        return [redact(item, depth + 1) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return redact_text(str(value))


def redact_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    clean: EventDict = redact(event)
    return clean


def to_json(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def _is_kept_apart(key: str) -> bool:
    return key.startswith("_")


def _redact_public(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    private = {key: event.pop(key) for key in list(event) if _is_kept_apart(key)}
    return {**redact_event(logger, name, event), **private}


def configure(*, level: str, as_json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING for the same format."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(serializer=to_json)
        if as_json
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    _redact_public,
                    renderer,
                ],
            }
        },
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": "structured",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            # One line a request is ours (kit/correlation.py); theirs repeats it.
            "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
            "django.request": {"level": "ERROR"},
            "procrastinate": {"level": "WARNING"},
            "pikepdf": {"level": "WARNING"},
            "stamina": {"level": "INFO"},
        },
    }
