"""A problem with two numbers in it, and the function that solves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Drill:
    ask: str
    working: str
    solve: Callable[[float, float], float]
    result: str
    unit: str
    first: tuple[str, range]
    """What `{a}` is, and the values it may take."""
    second: tuple[str, range]

    def pose(self, rng: Random) -> Problem:
        a, b = rng.choice(self.first[1]), rng.choice(self.second[1])
        return Problem(
            ask=self.ask.format(a=a, b=b),
            working=self.working.format(a=a, b=b),
            answer=self.answer(a, b),
        )

    def answer(self, a: float, b: float) -> str:
        return f"{plain(self.solve(a, b))} {self.unit}".strip()


@dataclass(frozen=True)
class Problem:
    ask: str
    working: str
    answer: str


def plain(value: float) -> str:
    """At most two decimals, and commas from ten thousand on, so that a year looks like one."""
    if value != 0 and abs(value) < 0.01:
        return f"{value:.3g}"
    written = f"{value:,.2f}" if abs(value) >= 10_000 else f"{value:.2f}"
    return written.rstrip("0").rstrip(".")
