"""The table of a play, and whether its promises hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from deploy.rollout.load import Asked
from deploy.rollout.migrating import Migrated
from deploy.rollout.money import Verdict
from deploy.rollout.pods import Ended
from notevault.bench.report import percentile

P95_S = 1.0
LOCK_WAIT_S = 1.0
SHOWN = 10


@dataclass
class Outcome:
    """All that was seen. `gap_s` is the longest time without any answer."""

    rate: float
    seconds: float
    replaced: int
    asked: Sequence[Asked]
    gap_s: float
    migrated: Migrated
    ended: Sequence[Ended]
    verdict: Verdict
    proxy: Counter[str] = field(default_factory=Counter)

    @property
    def failures(self) -> Counter[str]:
        return Counter(f"{a.kind}: {a.failure}" for a in self.asked if a.failure)

    @property
    def answered(self) -> list[Asked]:
        """Those whose time is the server's."""
        return [asked for asked in self.asked if not asked.waits]

    @property
    def p95_s(self) -> float:
        return percentile([asked.seconds for asked in self.answered], 95)

    @property
    def promises(self) -> dict[str, bool]:
        waited_s = self.migrated.longest_other_wait_s
        dirty = [pod for pod in self.ended if not pod.is_clean]
        return {
            f"0 failed requests: {self.failures.total()}": not self.failures,
            f"p95 under {P95_S:.0f} s: {self.p95_s * 1000:.0f} ms": self.p95_s < P95_S,
            f"no request waits {LOCK_WAIT_S:.0f} s for a lock while migrations run: "
            f"{waited_s * 1000:.0f} ms": waited_s < LOCK_WAIT_S,
            f"each of {len(self.ended)} processes ends by itself with 0, and cuts nobody: "
            f"{len(dirty)} did not": not dirty,
            f"{self.verdict.captured} payments are access or refund, the ledger is proved, "
            f"each webhook was taken at once": self.verdict.is_sound,
        }


def longest_gap(asked: Sequence[Asked], *, began_at: float) -> float:
    moments = sorted([began_at, *(a.ended_at for a in asked if not a.failure)])
    return max((later - earlier for earlier, later in pairwise(moments)), default=0.0)


def lines(outcome: Outcome) -> Iterator[str]:
    yield from _times(outcome)
    yield ""
    yield from _facts(outcome)
    yield ""
    for promise, holds in outcome.promises.items():
        yield f"  {'holds ' if holds else 'BROKEN'} {promise}"
    yield from _why(outcome)


def _times(outcome: Outcome) -> Iterator[str]:
    head = "".join(f" {title:>8}" for title in ("p50 ms", "p95 ms", "p99 ms", "max ms"))
    yield f"  {'':<24} {'n':>7}{head} {'failed':>7}"
    kinds = sorted({asked.kind for asked in outcome.answered})
    for kind in kinds:
        yield _row(kind, [asked for asked in outcome.answered if asked.kind == kind])
    yield _row("all of these", outcome.answered)
    waiting = [asked for asked in outcome.asked if asked.waits]
    if waiting:
        yield _row("long poll (until paid)", waiting)


def _row(name: str, asked: Sequence[Asked]) -> str:
    times = [each.seconds for each in asked]
    figures = [percentile(times, percent) for percent in (50, 95, 99)] + [max(times)]
    cells = "".join(f" {seconds * 1000:>8.1f}" for seconds in figures)
    return f"  {name:<24} {len(asked):>7}{cells} {sum(bool(a.failure) for a in asked):>7}"


def _facts(outcome: Outcome) -> Iterator[str]:
    migrated, verdict = outcome.migrated, outcome.verdict
    rate = len(outcome.asked) / outcome.seconds
    yield f"  requests       {len(outcome.asked)} in {outcome.seconds:.0f} s, {rate:.1f} a second"
    yield f"  replaced       {outcome.replaced} web processes, one after the other"
    yield f"  longest gap    {outcome.gap_s * 1000:.0f} ms without an answer"
    yield (
        f"  migration      {migrated.seconds:.1f} s; it waited {_ms(migrated.longest_own_wait_s)}"
        f" for a lock at most, others {_ms(migrated.longest_other_wait_s)}"
    )
    yield (
        f"  money          {verdict.captured} payments captured, {verdict.accesses} accesses, "
        f"{verdict.refunds} refunds, {verdict.events} webhooks"
    )
    told = ", ".join(f"{count} × {what}" for what, count in outcome.proxy.most_common(SHOWN))
    yield f"  nginx          {told or 'nothing passed on, no error'}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


def _why(outcome: Outcome) -> Iterator[str]:
    """What broke, for who has to find the cause."""
    for what, count in outcome.failures.most_common(SHOWN):
        yield f"    {count} × {what}"
    for pod in outcome.ended:
        if not pod.is_clean:
            how = "was killed" if pod.was_killed else f"ended with {pod.code}"
            yield f"    {pod.name} {how} and cut {pod.cut} requests"
    for finding in outcome.verdict.findings[:SHOWN]:
        yield f"    {finding.harm}: {finding.what} (order {finding.order_id})"
    for event in outcome.verdict.refused_events[:SHOWN]:
        yield f"    {event}"
    if outcome.verdict.ledger:
        yield f"    {outcome.verdict.ledger}"
    if not outcome.verdict.captured:
        yield "    nothing was sold, which proves nothing"
