"""Logs as one JSON object a line on stdout, with secrets and e-mail addresses removed.

`configure` returns the dict for Django's LOGGING; structlog and the standard library
share one chain of processors, so a line of a third-party package is redacted as well.
"""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import Any

import orjson
import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict, Processor, WrappedLogger

from notevault.kit.redaction import of_key, redact_text

# Names that our own processors write.
_OURS = {"level", "logger", "time"}
# Some readers end a line at these, and a terminal obeys others.
_CONTROLS = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
_ESCAPED = {code: f"\\x{code:02x}" for code in range(0x20)} | _CONTROLS
_BLOCKS = {"exception", "stack"}


def redact_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {
        redact_text(key): value if key in _OURS else of_key(key, value)
        for key, value in event.items()
    }


def to_json(event: Any, **_: Any) -> str:
    line = orjson.dumps(event, default=str).decode()
    return line if line.isascii() else line.translate(_CONTROLS)


def escape_controls(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """For the console: a value cannot end its line, nor colour what follows."""
    return {
        key: value.translate(_ESCAPED) if isinstance(value, str) and key not in _BLOCKS else value
        for key, value in event.items()
    }


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
    # Without the handler of Django's own, which writes whole paths while DEBUG is on.
    "django": {"handlers": [], "level": "INFO"},
    "django.request": {"level": "ERROR"},
    # One line a request is ours (kit/correlation.py); theirs repeats it.
    "django.server": {"handlers": [], "level": "ERROR", "propagate": False},
    "pikepdf": {"level": "WARNING"},
    "procrastinate": {"level": "WARNING"},
    "stamina": {"level": "INFO"},
}


def configure(*, level: str, as_json: bool) -> dict[str, Any]:
    """Set structlog up and return Django's LOGGING for the same format.

    `level` is for our own lines. Other packages start at INFO: their debug lines hold whole
    statements, headers and URLs.
    """
    logging.captureWarnings(True)
    if as_json:
        sys.excepthook = _log_uncaught
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
        "root": {"handlers": ["stdout"], "level": "INFO" if level == "DEBUG" else level},
        "loggers": {**_LEVEL_OF, "notevault": {"level": level}},
    }


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    # Wrong settings fail before there is a handler, in words for whoever starts the program.
    if issubclass(kind, KeyboardInterrupt) or not logging.getLogger().handlers:
        sys.__excepthook__(kind, error, trace)
    else:
        structlog.get_logger("notevault").critical("process.failed", exc_info=(kind, error, trace))


def _formatter(as_json: bool) -> dict[str, Any]:
    to_text: list[Processor] = (
        [structlog.processors.JSONRenderer(serializer=to_json)]
        if as_json
        else [escape_controls, structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
    )
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": _SHARED,
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redact_event,
            *to_text,
        ],
    }
