"""A person, or a bank, who looks again and again for what there is to do."""

from __future__ import annotations

import threading
from collections.abc import Callable

import requests
import structlog
from django.db import connection

from notevault.chaos.records import Records

log = structlog.get_logger("notevault.chaos")


class Rounds:
    """A thread. What goes wrong in a round is on record, and the next one begins."""

    def __init__(
        self, name: str, work: Callable[[], None], *, every_s: float, records: Records
    ) -> None:
        self._name = name
        self._work = work
        self._every_s = every_s
        self._records = records
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """When the round under way has ended."""
        self._stop.set()
        self._thread.join()

    def _go(self) -> None:
        while not self._stop.wait(self._every_s):
            self._go_round()
            connection.close()

    def _go_round(self) -> None:
        try:
            self._work()
        except requests.RequestException as error:
            log.warning("chaos.sandbox_unreachable", error=str(error), who=self._name)
        except Exception as error:
            # Nobody else would ever see that a thread has died.
            log.exception("chaos.round_failed", who=self._name)
            self._records.note_wrong(f"{self._name}: {type(error).__name__}: {error}")
