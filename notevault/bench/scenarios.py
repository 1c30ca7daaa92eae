"""One function each: load the shop while its gateway fails, and hold what was promised
beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from statistics import median

from notevault.bench.client import Reply, Sample, Stream, run_all, run_stream, run_together
from notevault.bench.report import Outcome, Promise, Row, percentile, summarize
from notevault.bench.rig import Rig
from notevault.demo.processes import DemoFailed

EVENTS_A_SECOND = 50
PAGES_A_SECOND = 30
# Modest, and still more than the gateway's silence leaves places for.
BUYERS_A_SECOND = 2
REFUSALS_A_SECOND = 10
ORDERS_A_SECOND = 4

WEBHOOK_S = 0.1
SLOWDOWN = 2.0
REFUSAL_S = 0.05
ANSWER_S = 6.0
ROUNDS = 3
PATIENCE_S = 60.0


def webhooks_while_dead(rig: Rig, seconds: float) -> Outcome:
    """The gateway's port is closed, and its events of before still come."""
    _open_orders_for_events(rig, seconds)
    with rig.dead_gateway():
        return _take_in_events(rig, seconds, "dead")


def webhooks_while_silent(rig: Rig, seconds: float) -> Outcome:
    """Every call of ours hangs, and events come."""
    _open_orders_for_events(rig, seconds)
    with rig.silent_gateway():
        return _take_in_events(rig, seconds, "silent")


def catalogue_while_silent(rig: Rig, seconds: float) -> Outcome:
    """Rounds without and with buyers who run into silence: what else the machine does
    disturbs both alike. The breaker is held closed, or the silence would be over at once."""
    rig.open_orders(int(2 * BUYERS_A_SECOND * seconds))
    quiet: list[list[Sample]] = []
    disturbed: list[list[Sample]] = []
    money: list[Sample] = []
    for _ in range(ROUNDS):
        quiet.append(run_stream(_visitors(rig, seconds / ROUNDS), rig.send))
        with rig.silent_gateway(), rig.breaker_held_closed():
            streams = {"pages": _visitors(rig, seconds / ROUNDS)} | _buyers(rig, seconds / ROUNDS)
            found = run_together(streams, rig.send)
        disturbed.append(found["pages"])
        money += found["orders"] + found["verifications"]
    return Outcome(
        rows=[
            summarize("catalogue, quiet", list(chain(*quiet)), _is_ok),
            summarize("catalogue, gateway silent", list(chain(*disturbed)), _is_ok),
            summarize("orders, verifications", money, _is_ok_or_later),
        ],
        promises=[_slowdown(quiet, disturbed), _all_within(ANSWER_S, money)],
    )


def orders_while_breaker_open(rig: Rig, seconds: float) -> Outcome:
    with rig.dead_gateway():
        run_all(rig.traffic.orders(10), rig.send, at_once=2)
        if not rig.breaker_is_open():
            raise DemoFailed("Ten failing calls have not opened the circuit breaker.")
        count = int(REFUSALS_A_SECOND * seconds)
        stream = Stream(rig.traffic.orders(count), REFUSALS_A_SECOND)
        row = summarize("orders, breaker open", run_stream(stream, rig.send), _is_refused)
    promise = Promise(
        f"503 problem+json with Retry-After, p99 within {REFUSAL_S * 1000:.0f} ms",
        f"{row.p99 * 1000:.1f} ms, {row.errors} other answers",
        row.p99 <= REFUSAL_S and not row.errors,
    )
    return Outcome([row], [promise])


def money_while_silent(rig: Rig, seconds: float) -> Outcome:
    """From the first silent call on, with a breaker that has seen nothing yet."""
    rig.open_orders(int(BUYERS_A_SECOND * seconds))
    with rig.silent_gateway():
        orders = Stream(rig.traffic.orders(int(ORDERS_A_SECOND * seconds)), ORDERS_A_SECOND)
        streams = _buyers(rig, seconds) | {"orders": orders}
        found = run_together(streams, rig.send)
    return Outcome(
        [summarize(name, samples, _is_ok_or_later) for name, samples in found.items()],
        [_all_within(ANSWER_S, list(chain(*found.values())))],
    )


Scenario = Callable[[Rig, float], Outcome]

SCENARIOS: dict[str, Scenario] = {
    "webhooks-dead": webhooks_while_dead,
    "webhooks-silent": webhooks_while_silent,
    "catalogue-silent": catalogue_while_silent,
    "breaker-open": orders_while_breaker_open,
    "money-silent": money_while_silent,
}


def _open_orders_for_events(rig: Rig, seconds: float) -> None:
    rig.open_orders(int((EVENTS_A_SECOND + BUYERS_A_SECOND) * seconds))


def _take_in_events(rig: Rig, seconds: float, gateway: str) -> Outcome:
    events = rig.traffic.captured_events(int(EVENTS_A_SECOND * seconds))
    streams = {"webhooks": Stream(events, EVENTS_A_SECOND)} | _buyers(rig, seconds)
    found = run_together(streams, rig.send)
    left, drained_s = rig.wait_for_worker(most_s=PATIENCE_S)
    rows = [
        summarize(f"{name}, gateway {gateway}", samples, _is_ok_or_later)
        for name, samples in found.items()
        if name != "webhooks"
    ]
    webhooks = summarize(f"webhooks, gateway {gateway}", found["webhooks"], _is_ok)
    return Outcome(
        rows=[webhooks, *rows],
        promises=[_webhooks_in_time(webhooks)],
        facts=[
            f"{len(events) - left} of {len(events)} events were acted on, the last one "
            f"{drained_s:.1f} s after the load"
        ],
    )


def _visitors(rig: Rig, seconds: float) -> Stream:
    return Stream(rig.traffic.catalogue(int(PAGES_A_SECOND * seconds)), PAGES_A_SECOND)


def _buyers(rig: Rig, seconds: float) -> dict[str, Stream]:
    count = int(BUYERS_A_SECOND * seconds)
    return {
        "orders": Stream(rig.traffic.orders(count), BUYERS_A_SECOND),
        "verifications": Stream(rig.traffic.verifications(count), BUYERS_A_SECOND),
    }


def _is_ok(reply: Reply) -> bool:
    return reply.status == 200


def _is_refused(reply: Reply) -> bool:
    return (
        reply.status == 503
        and reply.headers.get("content-type") == "application/problem+json"
        and reply.headers.get("retry-after", "").isdigit()
    )


def _is_ok_or_later(reply: Reply) -> bool:
    """Done, or refused in a way that tells the client when to come back."""
    return reply.status in (200, 201) or _is_refused(reply)


def _webhooks_in_time(row: Row) -> Promise:
    return Promise(
        f"webhook answers, p99 under {WEBHOOK_S * 1000:.0f} ms at {EVENTS_A_SECOND} a second",
        f"{row.p99 * 1000:.1f} ms, {row.errors} not 200",
        row.p99 < WEBHOOK_S and not row.errors,
    )


def _slowdown(quiet: list[list[Sample]], disturbed: list[list[Sample]]) -> Promise:
    """The median over the rounds, so that one hiccup of the machine decides nothing."""
    ratios = [_p95(after) / _p95(before) for before, after in zip(quiet, disturbed, strict=True)]
    errors = sum(not _is_ok(sample.reply) for sample in chain(*disturbed))
    return Promise(
        f"catalogue's p95 within {SLOWDOWN:.0f}x of its quiet figure",
        f"{median(ratios):.2f}x ({', '.join(f'{ratio:.2f}' for ratio in ratios)}), "
        f"{errors} not 200",
        median(ratios) <= SLOWDOWN and not errors,
    )


def _p95(samples: list[Sample]) -> float:
    return percentile([sample.seconds for sample in samples], 95)


def _all_within(seconds: float, samples: list[Sample]) -> Promise:
    longest = max(sample.seconds for sample in samples)
    unclear = sum(not _is_ok_or_later(sample.reply) for sample in samples)
    return Promise(
        f"every money answer within {seconds:.0f} s",
        f"longest {longest:.2f} s, {unclear} neither done nor told when to come back",
        longest <= seconds and not unclear,
    )
