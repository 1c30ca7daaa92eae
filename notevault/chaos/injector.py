"""Makes the faults of a schedule happen, and counts what became of each."""

from __future__ import annotations

import queue
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from notevault.chaos.crash_points import CrashPoints
from notevault.chaos.gateway import SandboxRefused
from notevault.chaos.purchase import Instruments
from notevault.chaos.records import PaymentMade, Records
from notevault.chaos.schedule import Family, Fault
from notevault.chaos.world import World

KEEP_HOUSE_EVERY_S = 1.0
LEAST_REFUND_PAISE = 100


@dataclass
class Counts:
    """Planned: of the schedule. Injected: armed or done. Fired: met by somebody."""

    planned: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)


class Injector:
    """Call it from one thread; buyers use its `instruments`."""

    def __init__(self, *, world: World, records: Records, is_cut_off: Callable[[], bool]) -> None:
        """`is_cut_off` tells whether the shop has stopped asking the gateway."""
        self.counts = Counts()
        self._world = world
        self._records = records
        self._is_cut_off = is_cut_off
        self._armed: dict[str, Fault] = {}
        self._crashes = CrashPoints(world.crash_points)
        self._used: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.instruments = Instruments(queue.SimpleQueue(), used=self._used.put)
        self._kept_house_at = 0.0

    def run(self, schedule: Iterable[Fault], watch: Callable[[Fault], None]) -> None:
        """Each fault at its time, or as soon after it as can be."""
        started = time.monotonic()
        for fault in schedule:
            while (early := started + fault.at - time.monotonic()) > 0:
                time.sleep(min(early, KEEP_HOUSE_EVERY_S))
                self.keep_house()
            self.keep_house()
            self.inject(fault)
            watch(fault)

    def inject(self, fault: Fault) -> None:
        self.counts.planned[fault.name] += fault.times
        if self._make(fault):
            self.counts.injected[fault.name] += fault.times

    def keep_house(self) -> None:
        """What operators do meanwhile, once a second.

        A gateway that nobody asks any more is spared: what is armed there would meet the
        circuit breaker's one probe, time after time.
        """
        now = time.monotonic()
        if now - self._kept_house_at < KEEP_HOUSE_EVERY_S:
            return
        self._kept_house_at = now
        self._crashes.look()
        self._world.sandbox.enable_webhook()
        if self._is_cut_off():
            self._disarm(Family.API)

    def clear(self) -> None:
        """Afterwards no fault is left, and the counts are final."""
        self._disarm(Family.API)
        self._disarm(Family.WEBHOOK)
        self._crashes.disarm()
        self._world.sandbox.enable_webhook()
        self.counts.fired.update(self._crashes.fired)
        while not self._used.empty():
            self.counts.fired[self._used.get()] += 1

    def _make(self, fault: Fault) -> bool:
        """False when there was nothing to do it to."""
        match fault.family:
            case Family.API | Family.WEBHOOK:
                self._arm(fault)
            case Family.CHECKOUT:
                self.instruments.waiting.put(fault.name)
            case Family.CRASH:
                self._crashes.order(fault.name)
            case Family.PROCESS:
                self._disturb(fault)
            case Family.DASHBOARD:
                return self._act(fault)
        return True

    def _arm(self, fault: Fault) -> None:
        fault_id = self._world.sandbox.arm(
            fault.name, where=fault.where, times=fault.times, seconds=fault.seconds
        )
        self._armed[fault_id] = fault

    def _disarm(self, family: Family) -> None:
        ours = {key: fault for key, fault in self._armed.items() if fault.family is family}
        for fault_id, fault in ours.items():
            self.counts.fired[fault.name] += self._world.sandbox.disarm(fault_id)
            del self._armed[fault_id]

    def _disturb(self, fault: Fault) -> None:
        processes = self._world.processes
        match fault.name:
            case "kill_web":
                processes.kill("web")
            case "kill_web_child":
                processes.kill_child("web", pick=fault.pick)
            case "kill_worker":
                processes.kill("worker")
            case "roll_web":
                processes.kill("web", signal.SIGTERM)
            case "roll_worker":
                processes.kill("worker", signal.SIGTERM)
            case "restart_postgres":
                self._world.restart_database()
        self.counts.fired[fault.name] += 1

    def _act(self, fault: Fault) -> bool:
        """Something at the gateway with one of the payments so far; it may refuse."""
        payment = self._records.pick_payment(fault.pick, failed=fault.name == "late_authorisation")
        if payment is None:
            return False
        try:
            self._act_on(fault.name, payment)
        except SandboxRefused:
            return False
        self.counts.fired[fault.name] += 1
        return True

    def _act_on(self, name: str, payment: PaymentMade) -> None:
        sandbox = self._world.sandbox
        match name:
            case "dashboard_refund":
                sandbox.act(payment.payment_id, "dashboard-refund")
            case "dashboard_refund_part":
                part = max(payment.amount_paise // 2, LEAST_REFUND_PAISE)
                sandbox.act(payment.payment_id, "dashboard-refund", amount=part)
            case "second_capture":
                sandbox.capture_again(payment.gateway_order_id)
            case "dispute":
                sandbox.act(payment.payment_id, "dispute")
            case "late_authorisation":
                sandbox.act(payment.payment_id, "authorize")
