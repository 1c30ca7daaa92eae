"""What was promised, and whether it holds for what was measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from statistics import median

from notevault.bench.client import Reply, Sample
from notevault.bench.report import IsSound, Promise, percentile

WEBHOOK_S = 0.1
SLOWDOWN = 2.0
REFUSAL_S = 0.05
ANSWER_S = 6.0


def is_ok(reply: Reply) -> bool:
    return reply.status == 200


def is_refused(reply: Reply) -> bool:
    """Refused in a way that tells the client when to come back."""
    return (
        reply.status == 503
        and reply.headers.get("content-type") == "application/problem+json"
        and reply.headers.get("retry-after", "").isdigit()
    )


def is_done_or_refused(reply: Reply) -> bool:
    return reply.status in (200, 201) or is_refused(reply)


def webhooks_are_quick(samples: Sequence[Sample]) -> Promise:
    found, text = _p99(samples), f"a webhook is answered 200, p99 under {_ms(WEBHOOK_S)}"
    return _judge(text, _ms(found), found < WEBHOOK_S, samples, is_ok)


def refusals_are_quick(samples: Sequence[Sample]) -> Promise:
    found = _p99(samples)
    text = f"503 problem+json with Retry-After, p99 within {_ms(REFUSAL_S)}"
    return _judge(text, _ms(found), found <= REFUSAL_S, samples, is_refused)


def money_is_answered(samples: Sequence[Sample]) -> Promise:
    longest = max(sample.seconds for sample in samples)
    text = f"money is answered within {ANSWER_S:.0f} s: done, or when to come back"
    return _judge(text, f"{longest:.2f} s", longest <= ANSWER_S, samples, is_done_or_refused)


def catalogue_keeps_its_pace(
    quiet: Sequence[Sequence[Sample]], disturbed: Sequence[Sequence[Sample]]
) -> Promise:
    """Of rounds in pairs the median counts: one hiccup of the machine decides nothing."""
    ratios = [_p95(after) / _p95(before) for before, after in zip(quiet, disturbed, strict=True)]
    found = f"{median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    text = f"the catalogue's p95 stays within {SLOWDOWN:.0f} times its quiet figure"
    return _judge(text, found, median(ratios) <= SLOWDOWN, list(chain(*disturbed)), is_ok)


def _judge(
    text: str, found: str, is_in_time: bool, samples: Sequence[Sample], is_sound: IsSound
) -> Promise:
    """A quick answer that is not the right one keeps no promise."""
    strange = Counter(s.reply.status for s in samples if not is_sound(s.reply))
    others = [f"{count} × {status or 'no answer'}" for status, count in sorted(strange.items())]
    return Promise(text, ", ".join([found, *others]), is_in_time and not strange)


def _p95(samples: Sequence[Sample]) -> float:
    return percentile([sample.seconds for sample in samples], 95)


def _p99(samples: Sequence[Sample]) -> float:
    return percentile([sample.seconds for sample in samples], 99)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
