"""What a benchmark found: a table of times, and each promise beside what was measured."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from notevault.bench.client import Reply, Sample

IsSound = Callable[[Reply], bool]


@dataclass(frozen=True)
class Row:
    """Times in seconds; errors are answers other than those that were to come."""

    name: str
    count: int
    p50: float
    p95: float
    p99: float
    longest: float
    errors: int


@dataclass(frozen=True)
class Promise:
    text: str
    measured: str
    holds: bool


@dataclass
class Outcome:
    rows: list[Row] = field(default_factory=list)
    promises: list[Promise] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent of all do not exceed (nearest rank)."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    rank = max(1, math.ceil(len(values) * percent / 100))
    return sorted(values)[rank - 1]


def summarize(name: str, samples: Sequence[Sample], is_sound: IsSound) -> Row:
    errors = sum(not is_sound(sample.reply) for sample in samples)
    return row_of(name, [sample.seconds for sample in samples], errors=errors)


def row_of(name: str, times: Sequence[float], *, errors: int = 0) -> Row:
    return Row(
        name=name,
        count=len(times),
        p50=percentile(times, 50),
        p95=percentile(times, 95),
        p99=percentile(times, 99),
        longest=max(times),
        errors=errors,
    )


def lines(outcome: Outcome) -> Iterator[str]:
    if outcome.rows:
        head = ("p50 ms", "p95 ms", "p99 ms", "max ms")
        titles = "".join(f" {title:>8}" for title in head)
        yield f"  {'':<34} {'n':>6}{titles} {'errors':>7}"
    for row in outcome.rows:
        times = (row.p50, row.p95, row.p99, row.longest)
        cells = "".join(f" {seconds * 1000:>8.1f}" for seconds in times)
        yield f"  {row.name:<34} {row.count:>6}{cells} {row.errors:>7}"
    yield from (f"  {fact}" for fact in outcome.facts)
    for promise in outcome.promises:
        verdict = "holds " if promise.holds else "BROKEN"
        yield f"  {verdict} {promise.text}: {promise.measured}"


def machine() -> str:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} cores, load {load}, Python {platform.python_version()}, {platform.machine()}"
