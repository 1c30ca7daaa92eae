"""The shop as it runs in production, and a gateway that can be killed or silenced."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection
from django.db.models import F

from notevault.bench import client
from notevault.bench.traffic import Traffic
from notevault.chaos.people import make_people
from notevault.chaos.world import World
from ops import breakers
from ops.models import CircuitBreaker
from ops.states import BreakerState, Forced
from payments.gateways.razorpay import BREAKER
from payments.models import WebhookEvent
from payments.states import EventState

BUYERS, NOTES = 100, 300
SILENCE_S = 30
WARM_UP = 60
METRICS_TOKEN = "a-token-of-the-benchmark"  # noqa: S105 of a world that is thrown away
# No more than one web process lets through to its gateway.
AT_ONCE = 4
LOOK_AGAIN_S = 0.1


class Rig:
    """Web, worker and sandbox in a world of their own; scenarios leave it as they found it."""

    def __init__(self) -> None:
        self.world = World(
            environment={
                # Nothing is measured with Django's debugging switched on.
                "DEBUG": "false",
                "LOG_JSON": "true",
                "LOG_LEVEL": "info",
                "DATABASE_URL": database_url(),
                "CRASH_POINTS_DIR": "",
                "METRICS_TOKEN": METRICS_TOKEN,
            }
        )
        self.send = partial(client.send, self.world.addresses.web)

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            self.world.make_empty()
            self.traffic = Traffic(make_people(seed=1, buyers=BUYERS, notes=NOTES))
            with self.world.processes:
                self.world.start()
                self._warm_up()
                yield
        finally:
            self.world.leave()

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """The empty database alone, without a process that works on it."""
        try:
            self.world.make_empty()
            yield
        finally:
            self.world.leave()

    def database(self) -> str:
        """Whose commits wait for no disk, unless fsync is on: a reader must know."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
            version, fsync = cursor.fetchone()
        return f"PostgreSQL {version}, fsync {fsync}"

    def _warm_up(self) -> None:
        """Every process has imported all and filled its pools before anything is timed."""
        for kind in (self.traffic.catalogue, self.traffic.orders, self.traffic.other_events):
            client.run_all(kind(WARM_UP), self.send, at_once=AT_ONCE)

    def open_orders(self, count: int) -> None:
        """So many more orders wait for payment, ready for `Traffic`."""
        requests = self.traffic.orders(count)
        replies = client.run_all(requests, self.send, at_once=AT_ONCE)
        self.traffic.take_in(requests, replies)

    @contextmanager
    def dead_gateway(self) -> Iterator[None]:
        """Its port refuses connections."""
        processes = self.world.processes
        self.close_breaker()
        processes.kill("sandbox")
        try:
            yield
        finally:
            processes.revive()
            processes.wait_for(f"{self.world.addresses.sandbox}/health")
            self.close_breaker()

    @contextmanager
    def silent_gateway(self) -> Iterator[None]:
        """It takes every call, says nothing for 30 s, and hangs up."""
        sandbox = self.world.sandbox
        self.close_breaker()
        fault = sandbox.arm("silent", where="*", times=0, seconds=SILENCE_S)
        try:
            yield
        finally:
            sandbox.disarm(fault)
            self.close_breaker()

    @contextmanager
    def breaker_held_closed(self) -> Iterator[None]:
        hold = partial(breakers.force, name=BREAKER, why="a benchmark", actor_id=None)
        hold(to=Forced.CLOSED)
        try:
            yield
        finally:
            hold(to=Forced.NOT)

    def close_breaker(self) -> None:
        """As after a long quiet time: no call is remembered, and late ones do not count."""
        CircuitBreaker.objects.filter(name=BREAKER).update(
            state=BreakerState.CLOSED, seconds={}, generation=F("generation") + 1
        )

    def breaker_is_open(self) -> bool:
        return CircuitBreaker.objects.filter(name=BREAKER, state=BreakerState.OPEN).exists()

    def wait_for_worker(self, *, most_s: float) -> tuple[int, float]:
        """Until no event waits for its job; how many still do, and the seconds it took."""
        begun = time.monotonic()
        waiting = WebhookEvent.objects.filter(state=EventState.RECEIVED)
        while (left := waiting.count()) and time.monotonic() - begun < most_s:
            time.sleep(LOOK_AGAIN_S)
        return left, time.monotonic() - begun


def database_url() -> str:
    """The embedded server's, which by itself serves only processes that are debugged."""
    given = settings.DATABASES["default"]
    where = urlencode({"host": given["HOST"], "port": given["PORT"]})
    return f"postgresql://{given['USER']}:{quote(given['PASSWORD'])}@/{given['NAME']}?{where}"
