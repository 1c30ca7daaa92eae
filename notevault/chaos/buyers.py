"""Buyers: threads that shop by plan until they are told to go home."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import requests
import structlog

from notevault.chaos.people import People
from notevault.chaos.plans import Plan
from notevault.chaos.purchase import Instruments, Purchase
from notevault.chaos.records import Records
from notevault.chaos.shop import Shop
from notevault.chaos.staff import Staff
from notevault.chaos.world import World

THREADS = 18
GO_HOME_WITHIN_S = 45.0

log = structlog.get_logger("notevault.chaos")


class Buyers:
    """One plan after the other, each thread with one at a time."""

    def __init__(
        self,
        *,
        world: World,
        people: People,
        plans: Iterator[Plan],
        records: Records,
        instruments: Instruments,
    ) -> None:
        self._world = world
        self._people = people
        self._plans = plans
        self._records = records
        self._instruments = instruments
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._shop_on, name=f"buyer-{number}", daemon=True)
            for number in range(THREADS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def send_home(self) -> None:
        """No new purchase; those under way come to an end."""
        self._stop.set()
        deadline = time.monotonic() + GO_HOME_WITHIN_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _shop_on(self) -> None:
        shop = Shop(url=self._world.addresses.web, records=self._records, stop=self._stop)
        while not self._stop.is_set():
            with self._lock:
                plan = next(self._plans)
            try:
                self._purchase(plan, shop).carry_out()
            except requests.RequestException as error:
                # The sandbox is never killed, so this is the simulator's own trouble.
                log.warning("chaos.sandbox_unreachable", error=str(error), plan=plan.number)
            self._records.note_purchase()

    def _purchase(self, plan: Plan, shop: Shop) -> Purchase:
        return Purchase(
            plan,
            people=self._people,
            shop=shop,
            sandbox=self._world.sandbox,
            staff=Staff(),
            records=self._records,
            instruments=self._instruments,
        )
