"""Makes the faults of a schedule happen, and counts what became of each."""

from __future__ import annotations

import contextlib
import queue
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.conf import settings

from notevault.chaos import traffic
from notevault.chaos.crash_points import CrashPoints
from notevault.chaos.gateway import SandboxRefused
from notevault.chaos.gateway_faults import GatewayFaults
from notevault.chaos.purchase import Instruments
from notevault.chaos.records import PaymentMade, Records
from notevault.chaos.schedule import Family, Fault
from notevault.chaos.strangers import Stranger
from notevault.chaos.world import World

KEEP_HOUSE_EVERY_S = 1.0
# Faults held back at the end still get their chance.
LINGER_S = 25.0
LEAST_REFUND_PAISE = 100


@dataclass
class Counts:
    """Planned: of the schedule. Injected: armed or done. Fired: met by somebody."""

    planned: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    fired: Counter[str] = field(default_factory=Counter)


class Injector:
    """Call it from one thread; buyers use its `instruments`."""

    def __init__(self, *, world: World, records: Records) -> None:
        self.counts = Counts()
        self._world = world
        self._records = records
        self._gateway = GatewayFaults(world.sandbox)
        self._stranger = Stranger(
            web=world.addresses.web, secret=settings.RAZORPAY_WEBHOOK_SECRET, records=records
        )
        self._crashes = CrashPoints(world.crash_points)
        self._used: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.instruments = Instruments(queue.SimpleQueue(), used=self._used.put)
        self._kept_house_at = 0.0
        self._make: dict[Family, Callable[[Fault], None]] = {
            Family.API: self._gateway.hold,
            Family.WEBHOOK: self._gateway.arm,
            Family.CHECKOUT: self._offer,
            Family.DASHBOARD: self._act,
            Family.CRASH: self._arm_crash,
            Family.PROCESS: self._disturb,
            Family.STRANGER: self._send_stranger,
        }

    def run(self, schedule: Iterable[Fault], watch: Callable[[Fault], None]) -> None:
        """Each fault at its time, or as soon after it as can be."""
        started = time.monotonic()
        for fault in schedule:
            while (early := started + fault.at - time.monotonic()) > 0:
                time.sleep(min(early, KEEP_HOUSE_EVERY_S))
                self.keep_house()
            self.keep_house()
            self.counts.planned[fault.name] += fault.times
            self._make[fault.family](fault)
            watch(fault)
        give_up_at = time.monotonic() + LINGER_S
        while len(self._gateway) and time.monotonic() < give_up_at:
            time.sleep(KEEP_HOUSE_EVERY_S)
            self.keep_house()

    def keep_house(self) -> None:
        """Once a second, what operators do and what faults that wait for something need."""
        now = time.monotonic()
        if now - self._kept_house_at < KEEP_HOUSE_EVERY_S:
            return
        self._kept_house_at = now
        self._records.note_web_died(self._crashes.look())
        self._world.sandbox.enable_webhook()
        self._gateway.look(traffic.look())

    def clear(self) -> None:
        """Afterwards no fault is left, and the counts are final."""
        self._gateway.clear()
        self._crashes.disarm()
        self._world.sandbox.enable_webhook()
        self.counts.injected.update(self._gateway.injected)
        self.counts.fired.update(self._gateway.fired)
        self.counts.fired.update(self._crashes.fired)
        while not self._used.empty():
            self.counts.fired[self._used.get()] += 1

    def _offer(self, fault: Fault) -> None:
        """The next buyer to pay will do it with this UPI id."""
        self.instruments.waiting.put(fault.name)
        self.counts.injected[fault.name] += 1

    def _arm_crash(self, fault: Fault) -> None:
        self._crashes.order(fault.name)
        self.counts.injected[fault.name] += 1

    def _count_done(self, fault: Fault) -> None:
        self.counts.injected[fault.name] += 1
        self.counts.fired[fault.name] += 1

    def _send_stranger(self, fault: Fault) -> None:
        is_forged = fault.name == "forged_event"
        if self._stranger.forge() if is_forged else self._stranger.poison():
            self._count_done(fault)

    def _disturb(self, fault: Fault) -> None:
        processes = self._world.processes
        if "web" in fault.name:
            self._records.note_web_died()
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
        self._count_done(fault)

    def _act(self, fault: Fault) -> None:
        """Something at the gateway with one of the payments so far, unless there is none or
        the gateway refuses: one that is refunded already."""
        if fault.name == "refund_returned":
            self._return_refund(fault)
            return
        payment = self._records.pick_payment(fault.pick, failed=fault.name == "late_authorisation")
        if payment is None:
            return
        try:
            self._act_on(fault.name, payment)
        except SandboxRefused:
            return
        self._count_done(fault)

    def _return_refund(self, fault: Fault) -> None:
        """One of the refunds that are made; the bank that returns it twice is refused."""
        events = self._world.sandbox.list_all("/events")
        made = [e["body"]["payload"] for e in events if e["event"] == "refund.processed"]
        if not made:
            return
        refund = made[int(fault.pick * len(made))]["refund"]["entity"]
        with contextlib.suppress(SandboxRefused):
            self._world.sandbox.return_refund(refund["id"])
            self._count_done(fault)

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
            case "dispute_part":
                part = max(payment.amount_paise // 3, LEAST_REFUND_PAISE)
                sandbox.act(payment.payment_id, "dispute", amount=part)
            case "late_authorisation":
                sandbox.act(payment.payment_id, "authorize")
