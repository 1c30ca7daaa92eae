"""What was tried, a line each, with its figure."""

from __future__ import annotations

from dataclasses import dataclass, field


class TrialFailed(Exception):
    """The trial cannot go on; the message says why and what to do."""


@dataclass
class Report:
    failures: list[str] = field(default_factory=list)
    count: int = 0

    def check(self, what: str, holds: object, figure: object = "") -> None:
        self.count += 1
        if not holds:
            self.failures.append(what)
        sign = "ok  " if holds else "FAIL"
        print(f"{sign} {what}" + (f": {figure}" if figure != "" else ""), flush=True)

    def tell(self, line: str) -> None:
        print(line, flush=True)

    def last_line(self) -> str:
        if not self.failures:
            return f"All {self.count} checks of the image hold."
        return f"{len(self.failures)} of {self.count} checks failed: {'; '.join(self.failures)}"
