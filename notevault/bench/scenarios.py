"""One function each: load the shop while its gateway fails, and hold what was promised
beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

from notevault.bench import observing, promises
from notevault.bench.client import Sample, Stream, run_all, run_stream, run_together
from notevault.bench.report import Outcome, summarize
from notevault.bench.rig import Rig
from notevault.demo.processes import DemoFailed

EVENTS_A_SECOND = 50
PAGES_A_SECOND = 30
# Of orders and of verifications: modest, and more than there are places to be silent in.
BUYERS_A_SECOND = 2
ORDERS_A_SECOND = 4
REFUSALS_A_SECOND = 10

ROUNDS = 3
PATIENCE_S = 60.0


def webhooks_while_dead(rig: Rig, seconds: float) -> Outcome:
    """The gateway's port is closed, and its events of before still come."""
    _open_orders_for_events(rig, seconds)
    with rig.dead_gateway():
        return _take_in_events(rig, seconds)


def webhooks_while_silent(rig: Rig, seconds: float) -> Outcome:
    """Every call of ours hangs, and events come."""
    _open_orders_for_events(rig, seconds)
    with rig.silent_gateway():
        return _take_in_events(rig, seconds)


def catalogue_while_silent(rig: Rig, seconds: float) -> Outcome:
    """Rounds without and with buyers who run into silence: what else the machine does
    disturbs both alike. The breaker is held closed, or the silence would soon be over."""
    rig.open_orders(int(BUYERS_A_SECOND * seconds))
    quiet: list[list[Sample]] = []
    disturbed: list[list[Sample]] = []
    money: list[Sample] = []
    for _ in range(ROUNDS):
        quiet.append(run_stream(_visitors(rig, seconds / ROUNDS), rig.send))
        with rig.silent_gateway(), rig.breaker_held_closed():
            streams = {
                "visitors": _visitors(rig, seconds / ROUNDS),
                **_buyers(rig, seconds / ROUNDS),
            }
            found = run_together(streams, rig.send)
        disturbed.append(found.pop("visitors"))
        money += chain(*found.values())
    return Outcome(
        [
            summarize("catalogue, quiet", list(chain(*quiet)), promises.is_ok),
            summarize("catalogue, gateway silent", list(chain(*disturbed)), promises.is_ok),
            summarize("orders and verifications", money, promises.is_done_or_refused),
        ],
        [
            promises.catalogue_keeps_its_pace(quiet, disturbed),
            promises.money_is_answered(money),
        ],
    )


def orders_while_breaker_open(rig: Rig, seconds: float) -> Outcome:
    """The breaker has seen enough of a dead gateway, and refuses."""
    with rig.dead_gateway():
        run_all(rig.traffic.orders(10), rig.send, at_once=2)
        if not rig.breaker_is_open():
            raise DemoFailed("Ten failing calls have not opened the circuit breaker.")
        orders = rig.traffic.orders(int(REFUSALS_A_SECOND * seconds))
        refused = run_stream(Stream(orders, REFUSALS_A_SECOND), rig.send)
    return Outcome(
        [summarize("orders", refused, promises.is_refused)],
        [promises.refusals_are_quick(refused)],
    )


def money_while_silent(rig: Rig, seconds: float) -> Outcome:
    """From the first silent call on, with a breaker that has seen nothing yet."""
    rig.open_orders(int(BUYERS_A_SECOND * seconds))
    orders = Stream(rig.traffic.orders(int(ORDERS_A_SECOND * seconds)), ORDERS_A_SECOND)
    with rig.silent_gateway():
        found = run_together({**_buyers(rig, seconds), "orders": orders}, rig.send)
    return Outcome(
        [summarize(name, samples, promises.is_done_or_refused) for name, samples in found.items()],
        [promises.money_is_answered(list(chain(*found.values())))],
    )


Scenario = Callable[[Rig, float], Outcome]

SCENARIOS: dict[str, Scenario] = {
    "webhooks-dead": webhooks_while_dead,
    "webhooks-silent": webhooks_while_silent,
    "catalogue-silent": catalogue_while_silent,
    "breaker-open": orders_while_breaker_open,
    "money-silent": money_while_silent,
    "observing": observing.measure,
}


def _open_orders_for_events(rig: Rig, seconds: float) -> None:
    rig.open_orders(int(EVENTS_A_SECOND * seconds) + int(BUYERS_A_SECOND * seconds))


def _take_in_events(rig: Rig, seconds: float) -> Outcome:
    events = rig.traffic.captured_events(int(EVENTS_A_SECOND * seconds))
    streams = {"webhooks": Stream(events, EVENTS_A_SECOND), **_buyers(rig, seconds)}
    found = run_together(streams, rig.send)
    left, drained_s = rig.wait_for_worker(most_s=PATIENCE_S)
    webhooks = found.pop("webhooks")
    return Outcome(
        [
            summarize(f"webhooks, {EVENTS_A_SECOND} a second", webhooks, promises.is_ok),
            *(
                summarize(name, samples, promises.is_done_or_refused)
                for name, samples in found.items()
            ),
        ],
        [
            promises.webhooks_are_quick(webhooks),
            promises.money_is_answered(list(chain(*found.values()))),
        ],
        [
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
