"""How far a run is: a bar on a terminal, and a line for every thousand faults."""

from __future__ import annotations

import time
from collections.abc import Sequence

from notevault.chaos.schedule import Fault
from notevault.demo.progress import Printer

LINE_EVERY = 1000
REDRAW_EVERY_S = 0.2


class Progress:
    def __init__(self, printer: Printer, schedule: Sequence[Fault]) -> None:
        self._printer = printer
        self._total = sum(fault.times for fault in schedule)
        self._done = 0
        self._started = time.monotonic()
        self._drawn_at = 0.0

    def watch(self, fault: Fault) -> None:
        before, self._done = self._done, self._done + fault.times
        seconds = time.monotonic() - self._started
        if self._done // LINE_EVERY > before // LINE_EVERY:
            self._printer.line(f"  {self._done} faults in {seconds:.0f} s")
        elif time.monotonic() - self._drawn_at > REDRAW_EVERY_S:
            self._drawn_at = time.monotonic()
            self._printer.sketch(f"  {self._done}/{self._total} faults, {fault.name}")
