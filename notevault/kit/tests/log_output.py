"""What the configured handler really writes, line by line."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import structlog


class LogOutput:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line as the JSON object it must be."""
        text = self.text
        assert text == "" or text.endswith("\n")
        return [orjson.loads(line) for line in text.split("\n")[:-1]]

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == name]


@contextmanager
def log_output(level: str = "INFO") -> Iterator[LogOutput]:
    """Catch the output of the handler that settings configured, from `level` on."""
    root = logging.getLogger()
    (handler,) = (
        handler
        for handler in root.handlers
        if isinstance(handler, logging.StreamHandler)
        and isinstance(handler.formatter, structlog.stdlib.ProcessorFormatter)
    )
    output, loggers = LogOutput(), (root, logging.getLogger("notevault"))
    levels_before = [logger.level for logger in loggers]
    stream_before = handler.setStream(output.stream)
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield output
    finally:
        for logger, before in zip(loggers, levels_before, strict=True):
            logger.setLevel(before)
        handler.setStream(stream_before)
