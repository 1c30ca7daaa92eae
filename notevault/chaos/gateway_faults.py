"""The faults that are armed at the sandbox, and those held back until it can bear them."""

from __future__ import annotations

from collections import Counter

from notevault.chaos.gateway import Sandbox
from notevault.chaos.schedule import Family, Fault

MOST_LIVE = 2


class GatewayFaults:
    """Failing calls come a few at a time, but for storms: a heap of them after a pause
    would be a storm that nobody planned, and keep the circuit breaker open for ever."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.injected: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self._sandbox = sandbox
        self._armed: dict[str, Fault] = {}
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
        self._armed[fault_id] = fault
        self.injected[fault.name] += fault.times

    def look(self, *, is_cut_off: bool) -> None:
        """Arm what there is room for. A gateway that nobody asks any more is spared: what
        is armed there would meet the circuit breaker's one probe, time after time."""
        if is_cut_off:
            self._take_back()
            return
        live = self._live()
        held, self._held = self._held, []
        for fault in held:
            if fault.times == 1 and live[fault.where] >= MOST_LIVE:
                self._held.append(fault)
            else:
                live[fault.where] += 1
                self.arm(fault)

    def clear(self) -> None:
        for fault_id in list(self._armed):
            self._disarm(fault_id)

    def _live(self) -> Counter[str]:
        """Failing calls that nobody has met yet, by operation."""
        waiting = [f["id"] for f in self._sandbox.list_faults() if f["fired"] < f["times"]]
        armed = [self._armed[fault_id] for fault_id in waiting]
        return Counter(fault.where for fault in armed if fault.family is Family.API)

    def _take_back(self) -> None:
        for fault_id, fault in list(self._armed.items()):
            if fault.family is Family.API and not self._disarm(fault_id) and fault.times == 1:
                self.injected[fault.name] -= 1
                self.hold(fault)

    def _disarm(self, fault_id: str) -> int:
        fault = self._armed.pop(fault_id)
        fired = self._sandbox.disarm(fault_id)
        self.fired[fault.name] += fired
        return fired
