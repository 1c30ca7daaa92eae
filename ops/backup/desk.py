"""What the three commands share: progress, signals, and sentences instead of tracebacks."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from django.conf import settings
from django.core.management.base import CommandError

from ops.backup.refusal import BackupError, BadRequest

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
REDRAW_S, LINE_S = 0.2, 15.0


@contextmanager
def answering() -> Iterator[None]:
    """Refusals become the command's last words. A signal ends it in order, with code 128 + n."""
    before = {number: signal.signal(number, _stop) for number in STOPS}
    try:
        yield
    except BackupError as refusal:
        raise CommandError(str(refusal), returncode=refusal.exit_code) from refusal
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def place(given: str) -> str:
    """Where to look: what was asked for, else BACKUP_URL. Raises BadRequest without either."""
    if found := given or settings.BACKUP_URL:
        return str(found)
    raise BadRequest("Say where: --to or --from with a folder or URL, or set BACKUP_URL.")


class Progress:
    """Bytes and seconds: redrawn on a terminal, elsewhere a line now and then."""

    def __init__(self, doing: str, out: TextIO) -> None:
        self.doing, self.out = doing, out
        self.is_terminal = out.isatty()
        self.bytes = 0
        self.began = self.shown = time.monotonic()

    def __call__(self, count: int) -> None:
        self.bytes += count
        if time.monotonic() - self.shown > (REDRAW_S if self.is_terminal else LINE_S):
            self.shown = time.monotonic()
            text = f"{self.doing}: {size(self.bytes)}, {self.shown - self.began:.0f} s"
            self.out.write(f"\r\x1b[K{text}" if self.is_terminal else f"{text}\n")
            self.out.flush()

    def done(self) -> None:
        if self.is_terminal:
            self.out.write("\r\x1b[K")


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _stop(number: int, frame: FrameType | None) -> None:
    # Once: what cleans up is not to be interrupted by the impatient.
    for each in STOPS:
        signal.signal(each, signal.SIG_IGN)
    sys.stderr.write(f"Stopped by {signal.Signals(number).name}: nothing half-done is left.\n")
    raise SystemExit(128 + number)
