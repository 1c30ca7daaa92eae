"""Somebody who looks every so often while other things run, and who does not fail in silence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from notevault.demo.processes import DemoFailed

# A busy machine has looks come late, and not ten times as late.
LATE = 10


class Watch:
    """A context that calls `look` every `every_s` seconds, and a last time at its end.

    Raises DemoFailed at its end when a look failed, or when most of them never came: what they
    would have seen is then not known, and no limit may hold for it.
    """

    def __init__(self, look: Callable[[], None], *, name: str, every_s: float) -> None:
        self.looks = 0
        self._look, self._name, self._every_s = look, name, every_s
        self._failure: Exception | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Watch:
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
        if error is None:
            self.demand_sound()
            self._demand_looks(time.monotonic() - self._begun)

    def demand_sound(self) -> None:
        """Raises DemoFailed once a look has failed: what follows would not be watched."""
        if self._failure is not None:
            raise DemoFailed(
                f"The {self._name} ended after {self.looks} looks: {self._failure!r}"
            ) from self._failure

    def _demand_looks(self, seconds: float) -> None:
        if self.looks * self._every_s * LATE < seconds:
            raise DemoFailed(f"The {self._name} looked {self.looks} times in {seconds:.0f} s.")

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._ends.wait(self._every_s)
            try:
                self._look()
            except Exception as failure:  # whatever it is, it is told in the end
                self._failure = failure
                return
            self.looks += 1
