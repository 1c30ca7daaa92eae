"""What is printed: rows by kind of request, what the machine took, and each limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from deploy.load.limits import Limit, Row, Traffic

NAME, MOST_FAULTS = 34, 8


@dataclass(frozen=True)
class Part:
    """Of the machine. Memory is 0 where it was not looked at."""

    name: str
    processes: int
    peak_mb: float
    end_mb: float
    cpu_s: float


def traffic(found: Traffic) -> Iterator[str]:
    head = "".join(f"{title:>9}" for title in ("p50 ms", "p95 ms", "p99 ms", "max ms"))
    yield f"  {'':<{NAME}}{'count':>7}{'errors':>8}{head}"
    for row in found.rows():
        yield _row(row)
    yield _row(found.whole())
    faults = [
        (count, f"{name}: {what}")
        for name, kinds in found.faults.items()
        for what, count in kinds.items()
    ]
    for count, what in sorted(faults, reverse=True)[:MOST_FAULTS]:
        yield f"  {count} × {what}"
    if len(faults) > MOST_FAULTS:
        yield f"  … and {len(faults) - MOST_FAULTS} other kinds"


def _row(row: Row) -> str:
    times = (row.p50, row.p95, row.p99, row.longest)
    cells = "".join(f"{ms:>9.1f}" for ms in times)
    return f"  {row.name:<{NAME}}{row.count:>7}{row.errors:>8}{cells}"


def parts(found: Sequence[Part], *, seconds: float, requests: int) -> Iterator[str]:
    """Processor time of each part, as cores and for one answer of the web server."""
    head = f"{'processes':>10}{'peak MB':>9}{'end MB':>9}{'cores':>8}{'CPU ms a request':>18}"
    yield f"  {'':<{NAME}}{head}"
    for part in found:
        cores = part.cpu_s / seconds if seconds else 0.0
        each = 1000 * part.cpu_s / requests if requests else 0.0
        yield (
            f"  {part.name:<{NAME}}{part.processes:>10}{part.peak_mb:>9.0f}{part.end_mb:>9.0f}"
            f"{cores:>8.2f}{each:>18.2f}"
        )


def facts(found: Mapping[str, str]) -> Iterator[str]:
    for name, value in found.items():
        yield f"  {name:<{NAME}} {value}"


def limits(found: Sequence[Limit]) -> Iterator[str]:
    for limit in found:
        if limit.decides:
            verdict = "pass" if limit.holds else "FAIL"
        else:
            verdict = "met" if limit.holds else "missed"
        yield f"  {verdict:<7}{limit.text}: {limit.measured}"
