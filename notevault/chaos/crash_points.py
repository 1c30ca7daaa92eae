"""Orders to die, one file each, for processes that pass a named point (see kit/crash.py)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path


class CrashPoints:
    """A point is armed once at a time: the next order for it waits until one has died."""

    def __init__(self, folder: Path) -> None:
        self.fired: Counter[str] = Counter()
        self._folder = folder
        self._waiting: Counter[str] = Counter()
        self._armed: set[str] = set()

    def order(self, point: str) -> None:
        self._waiting[point] += 1
        self.look()

    def look(self) -> int:
        """Count who has died, and arm what waits; returns how many died since the last look."""
        before = self.fired.total()
        for point in [point for point in self._armed if not (self._folder / point).exists()]:
            self._armed.remove(point)
            self.fired[point] += 1
        for point in [point for point, left in self._waiting.items() if left]:
            if point not in self._armed:
                self._waiting[point] -= 1
                self._armed.add(point)
                (self._folder / point).touch()
        return self.fired.total() - before

    def disarm(self) -> None:
        self._waiting.clear()
        self.look()
        for point in self._armed:
            (self._folder / point).unlink(missing_ok=True)
        self._armed.clear()
