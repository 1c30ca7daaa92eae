"""Starts again what has ended, as Kubernetes would."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType

from notevault.chaos.records import Records
from notevault.demo.processes import Processes

LOOK_EVERY_S = 0.5


class Supervisor:
    """A context. `restarts` counts them by process."""

    def __init__(self, processes: Processes, *, records: Records) -> None:
        self.restarts: Counter[str] = Counter()
        self._processes = processes
        self._records = records
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Supervisor:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            revived = self._processes.revive()
            self.restarts.update(revived)
            self._records.note_web_died(revived.count("web"))
