"""gunicorn's own lines, also those of its master process, in the format of all others."""

from __future__ import annotations

import logging
import logging.config
import os
from typing import Any

import environ
from gunicorn.glogging import Logger

from notevault.kit import logging as kit_logging


class StructuredLogger(Logger):
    """Hands every line on to the root logger's handler. There is no access log: the line a
    request is ours (`notevault/kit/correlation.py`)."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        level = kit_logging.level_named(os.environ.get("LOG_LEVEL") or "info")
        is_local = os.environ.get("DJANGO_SETTINGS_MODULE", "").endswith(".local")
        as_json = environ.Env().bool("LOG_JSON", default=not is_local)
        logging.config.dictConfig(kit_logging.configure(level=level, as_json=as_json))
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        # Its debug lines hold the configuration.
        self.error_log.setLevel(max(logging.INFO, logging.getLevelName(level)))

    def access(self, *args: Any) -> None:
        """Nothing: it would hold whole URLs."""
