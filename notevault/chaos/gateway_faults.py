"""The faults that are armed at the sandbox, and those held back until it can bear them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from notevault.chaos.gateway import Sandbox
from notevault.chaos.schedule import Family, Fault
from notevault.chaos.traffic import Traffic
from ops.breakers import WINDOW_S

# Of the calls within the breaker's window, which opens at half of them.
FAILING_SHARE = 0.4
# Of one operation, for some are called too rarely to meet theirs soon.
MOST_LIVE = 2


@dataclass(frozen=True)
class _Armed:
    fault: Fault
    at: float


class GatewayFaults:
    """Failing calls come as many as the calls there are can bear, but for storms: what
    comes in a heap, or when hardly anybody calls, is a storm that nobody planned, and
    keeps the circuit breaker open for ever."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.injected: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self._sandbox = sandbox
        self._armed: dict[str, _Armed] = {}
        self._held: list[Fault] = []

    def __len__(self) -> int:
        """How many are held back."""
        return len(self._held)

    def hold(self, fault: Fault) -> None:
        """To be armed by the next look that has room for it."""
        self._held.append(fault)

    def arm(self, fault: Fault) -> None:
        fault_id = self._sandbox.arm(
            fault.name, where=fault.where, times=fault.times, seconds=fault.seconds
        )
        self._armed[fault_id] = _Armed(fault, time.monotonic())
        self.injected[fault.name] += fault.times

    def look(self, traffic: Traffic) -> None:
        """Arm what there is room for. A gateway that nobody asks any more is spared: what
        is armed there would meet the circuit breaker's one probe, time after time."""
        if traffic.is_cut_off:
            self._take_back()
            return
        unmet = self._unmet()
        live = Counter(armed.fault.where for armed in unmet)
        room = int(FAILING_SHARE * traffic.calls) - traffic.failures - _recent(unmet)
        held, self._held = self._held, []
        for fault in held:
            if fault.times > 1:
                self.arm(fault)
            elif room > 0 and live[fault.where] < MOST_LIVE:
                room -= 1
                live[fault.where] += 1
                self.arm(fault)
            else:
                self._held.append(fault)

    def clear(self) -> None:
        for fault_id in list(self._armed):
            self._disarm(fault_id)

    def _unmet(self) -> list[_Armed]:
        """Failing calls that nobody has met yet."""
        waiting = [f["id"] for f in self._sandbox.list_faults() if f["fired"] < f["times"]]
        armed = [self._armed[fault_id] for fault_id in waiting]
        return [each for each in armed if each.fault.family is Family.API]

    def _take_back(self) -> None:
        """Singles get another chance later; a storm that has cut the gateway off is over."""
        for fault_id, armed in list(self._armed.items()):
            fault = armed.fault
            if fault.family is Family.API and not self._disarm(fault_id) and fault.times == 1:
                self.injected[fault.name] -= 1
                self.hold(fault)

    def _disarm(self, fault_id: str) -> int:
        fault = self._armed.pop(fault_id).fault
        fired = self._sandbox.disarm(fault_id)
        self.fired[fault.name] += fired
        return fired


def _recent(unmet: Iterable[_Armed]) -> int:
    """Those that will be met soon; what has waited for longer waits for a rare call."""
    return sum(time.monotonic() - armed.at < WINDOW_S for armed in unmet)
