"""What the demo prints: a line a step with its time, and a bar for what takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

T = TypeVar("T")
WIDTH = 44
BAR = 24


class Printer:
    def __init__(self, out: TextIO = sys.stdout) -> None:
        self.out = out
        self.is_terminal = out.isatty()

    def line(self, text: str = "") -> None:
        self.out.write(f"{text}\n")
        self.out.flush()

    def sketch(self, text: str) -> None:
        """Show on a terminal what the next line will overwrite."""
        if self.is_terminal:
            self._redraw(text)

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Time a step. What is appended to the list is printed behind its time."""
        started = time.perf_counter()
        self.sketch(f"  {title:<{WIDTH}} …")
        facts: list[str] = []
        yield facts
        seconds = time.perf_counter() - started
        took = f"{seconds * 1000:6.0f} ms" if seconds < 10 else f"{seconds:6.1f} s "
        self._redraw(f"  {title:<{WIDTH}} {took}   {' '.join(facts)}".rstrip() + "\n")

    def bar(self, items: Iterable[T], *, total: int, title: str) -> Iterator[T]:
        """Pass the items on and show how many have come."""
        shown_at = 0.0
        for count, item in enumerate(items, start=1):
            yield item
            if time.monotonic() - shown_at > 0.1 or count == total:
                shown_at = time.monotonic()
                self._show_bar(count, total, title)

    def _show_bar(self, count: int, total: int, title: str) -> None:
        filled = "#" * (count * BAR // total)
        if self.is_terminal:
            self._redraw(f"  {title:<{WIDTH}} [{filled:<{BAR}}] {count}/{total}")
        elif count in {total // 4, total // 2, total * 3 // 4}:
            self.line(f"    {title}: {count}/{total}")

    def _redraw(self, text: str) -> None:
        self.out.write(f"\r\x1b[K{text}" if self.is_terminal else text if text[-1] == "\n" else "")
        self.out.flush()
