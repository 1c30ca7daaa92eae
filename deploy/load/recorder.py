"""What locust has measured, exactly: each answer's time, each fault, each promise to a buyer.

Locust rounds the percentiles of its own tables.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

MOST_KINDS_OF_FAULT = 100
FAULT_CHARACTERS = 160
# Where visits are counted that broke off between two requests.
BROKEN = "visit"


class Recorder:
    def __init__(self) -> None:
        self.times: defaultdict[str, array[float]] = defaultdict(lambda: array("f"))
        self.faults: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.orders: set[str] = set()
        self.paid: set[str] = set()
        self.begun_at = self.ended_at = 0.0

    def note(self, name: str, *, ms: float, ended_at: float, fault: str = "") -> None:
        self.begun_at = self.begun_at or ended_at - ms / 1000
        self.ended_at = ended_at
        self.times[name].append(ms)
        if fault:
            self._count(name, fault)

    def note_broken(self, error: BaseException) -> None:
        """A visit that ended with no answer to blame: a fault without a time."""
        self._count(BROKEN, f"{type(error).__name__}: {error}")

    def _count(self, name: str, fault: str) -> None:
        kinds = self.faults[name]
        kept = fault[:FAULT_CHARACTERS]
        kinds[kept if kept in kinds or len(kinds) < MOST_KINDS_OF_FAULT else "others"] += 1

    def save(self, path: Path) -> None:
        whole = {
            "seconds": self.ended_at - self.begun_at,
            "times": {name: times.tolist() for name, times in self.times.items()},
            "faults": self.faults,
            "orders": sorted(self.orders),
            "paid": sorted(self.paid),
        }
        path.write_text(json.dumps(whole))


def read(path: Path) -> dict[str, Any]:
    """What `save` has written."""
    whole: dict[str, Any] = json.loads(path.read_text())
    return whole
