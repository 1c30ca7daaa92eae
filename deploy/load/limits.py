"""What is promised, and whether it holds for what was measured. Nothing else is done here."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.load.scenarios import FLOW, PAY

# Rows that the web server does not answer: the sandbox does, or the visitor adds them up.
NOT_THE_WEB = (PAY, FLOW)
RATE_REACHED = 0.95


@dataclass(frozen=True)
class Row:
    """Of one kind of request, in milliseconds."""

    name: str
    count: int
    errors: int
    p50: float
    p95: float
    p99: float
    longest: float


@dataclass(frozen=True)
class Limit:
    """`decides` is False for a target, which is told and not enforced."""

    text: str
    measured: str
    holds: bool
    decides: bool = True


@dataclass(frozen=True)
class Traffic:
    """What the visitors saw."""

    seconds: float
    times: Mapping[str, Sequence[float]]
    faults: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Traffic:
        return cls(recorded["seconds"], recorded["times"], recorded["faults"])

    def rows(self) -> list[Row]:
        return [self._row(name) for name in sorted(self.times)]

    def _row(self, name: str) -> Row:
        return row_of(name, self.times[name], sum(self.faults.get(name, {}).values()))

    def whole(self) -> Row:
        """All answers of the web server, those that were asked to wait included."""
        times = [ms for name in self._web() for ms in self.times[name]]
        faults = sum(sum(self.faults.get(name, {}).values()) for name in self._web())
        return row_of("all of the web server", times, faults)

    def _web(self) -> list[str]:
        return [name for name in self.times if name not in NOT_THE_WEB]

    def errors(self) -> int:
        """Of every row: a payment that leads nowhere is one, whoever is at fault."""
        return sum(sum(kinds.values()) for kinds in self.faults.values())

    def successes(self, name: str) -> int:
        return len(self.times.get(name, ())) - sum(self.faults.get(name, {}).values())

    def rate(self) -> float:
        return self.whole().count / self.seconds if self.seconds else 0.0


def row_of(name: str, times: Sequence[float], errors: int) -> Row:
    ranked = sorted(times)
    return Row(
        name,
        len(ranked),
        errors,
        *(_rank(ranked, percent) for percent in (50, 95, 99, 100)),
    )


def _rank(ranked: Sequence[float], percent: float) -> float:
    """The least value that so many percent of all do not exceed; 0 of none."""
    return ranked[max(1, math.ceil(len(ranked) * percent / 100)) - 1] if ranked else 0.0


@dataclass(frozen=True)
class Machine:
    """What the run took. `queue_age_s` is that of the oldest job that waits when it ends."""

    web_peak_mb: float
    connections: int
    queue_age_s: float
    findings: tuple[str, ...] = ()


def of_steady(
    traffic: Traffic, machine: Machine, *, mix: Collection[str], asked_rate: float
) -> list[Limit]:
    whole = traffic.whole()
    return [
        no_errors(traffic),
        something_of_each(traffic, mix),
        _below("p95 of all answers", whole.p95, 300, "ms"),
        rate_reached(traffic, asked_rate),
        *of_machine(machine),
        *of_money(machine),
    ]


def of_smoke(traffic: Traffic, machine: Machine, *, mix: Collection[str]) -> list[Limit]:
    """For a machine on which no time means anything."""
    return [no_errors(traffic), something_of_each(traffic, mix), *of_money(machine)]


def of_guide(
    traffic: Traffic,
    machine: Machine | None = None,
    *,
    mix: Collection[str],
    asked_rate: float = 0.0,
) -> list[Limit]:
    """The guide's thresholds decide; its targets are told beside them. A rate of 0 was not
    asked for."""
    p95, share = traffic.whole().p95, _error_share(traffic)
    limits = [
        _below("p95 of all answers", p95, 2000, "ms"),
        _below("errors", share, 1, "%"),
        something_of_each(traffic, mix),
        *([rate_reached(traffic, asked_rate)] if asked_rate else []),
        _below("target: p95 of all answers", p95, 1000, "ms", decides=False),
        _below("target: errors", share, 0.1, "%", decides=False),
    ]
    if machine is None:
        return limits
    return [*limits, *of_machine(machine), *of_money(machine)]


def of_machine(machine: Machine) -> list[Limit]:
    """What was never seen is below no limit: a web server has memory and connections."""
    return [
        _seen_below("memory of the web's processes, peak", machine.web_peak_mb, 400, "MB"),
        _seen_below("database connections, peak", machine.connections, 80, ""),
    ]


def of_money(machine: Machine) -> list[Limit]:
    found = machine.findings
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return [
        _below("oldest job that waits at the end", machine.queue_age_s, 10, "s"),
        Limit(
            "the books prove, and every captured payment has its access",
            f"{found[0]}{more}" if found else "they do",
            not found,
        ),
    ]


def no_errors(traffic: Traffic) -> Limit:
    errors, count = traffic.errors(), traffic.whole().count
    return Limit("no error", f"{errors} of {count}", errors == 0 and count > 0)


def something_of_each(traffic: Traffic, mix: Collection[str]) -> Limit:
    """Every kind of visit in the mix was made to its end, once at least."""
    missing = [ENDS[name] for name in mix if not traffic.successes(ENDS[name])]
    return Limit(
        "every kind of visit came to its end",
        f"none of: {', '.join(missing)}" if missing else "it did",
        not missing,
    )


# The row with which a visit ends, by the names of plan.MIX.
ENDS = {
    "browse": "browse",
    "search": "search",
    "detail": "detail",
    "sign_in": "sign-in",
    "buy": FLOW,
    "download": "download: file",
}


def rate_reached(traffic: Traffic, asked: float) -> Limit:
    """Otherwise the times are those of a lesser load."""
    least = asked * RATE_REACHED
    found = traffic.rate()
    return Limit(f"at least {least:.1f} requests a second", f"{found:.1f}", found >= least)


def _error_share(traffic: Traffic) -> float:
    count = traffic.whole().count
    return 100 * traffic.errors() / count if count else 100.0


def _below(what: str, found: float, most: float, unit: str, *, decides: bool = True) -> Limit:
    digits = 0 if isinstance(found, int) or found >= 100 else 2
    text = f"{what} below {most:g} {unit}".strip()
    return Limit(text, f"{found:.{digits}f} {unit}".strip(), found < most, decides)


def _seen_below(what: str, found: float, most: float, unit: str) -> Limit:
    limit = _below(what, found, most, unit)
    return limit if found > 0 else replace(limit, measured="not measured", holds=False)
