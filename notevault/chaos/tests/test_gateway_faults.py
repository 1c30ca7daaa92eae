"""Failing calls are armed a few at a time, and taken back while nobody calls."""

from __future__ import annotations

from typing import Any

import pytest

from notevault.chaos.gateway_faults import MOST_LIVE, GatewayFaults
from notevault.chaos.schedule import Family, Fault
from notevault.chaos.traffic import Traffic

BUSY = Traffic(calls=100, failures=10, is_cut_off=False)
CUT_OFF = Traffic(calls=0, failures=0, is_cut_off=True)


class SandboxStandIn:
    """Its fault board, in memory."""

    def __init__(self) -> None:
        self.board: dict[str, dict[str, Any]] = {}

    def arm(self, kind: str, *, where: str, times: int, seconds: float) -> str:
        fault_id = f"flt_{len(self.board)}"
        self.board[fault_id] = {"id": fault_id, "where": where, "times": times, "fired": 0}
        return fault_id

    def disarm(self, fault_id: str) -> int:
        return int(self.board.pop(fault_id)["fired"])

    def list_faults(self) -> list[dict[str, Any]]:
        return list(self.board.values())

    def meet_all(self) -> None:
        for fault in self.board.values():
            fault["fired"] = fault["times"]


@pytest.fixture
def sandbox() -> SandboxStandIn:
    return SandboxStandIn()


@pytest.fixture
def faults(sandbox: SandboxStandIn) -> GatewayFaults:
    return GatewayFaults(sandbox)  # type: ignore[arg-type]


def call(where: str = "create_order", times: int = 1) -> Fault:
    return Fault(0, Family.API, "silent", where, times)


class TestFailingCalls:
    def test_come_a_few_at_a_time(self, faults: GatewayFaults, sandbox: SandboxStandIn) -> None:
        for _ in range(MOST_LIVE + 1):
            faults.hold(call())

        faults.look(BUSY)

        assert len(sandbox.board) == MOST_LIVE
        assert len(faults) == 1

    def test_make_room_for_each_other_once_met(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        for _ in range(MOST_LIVE + 1):
            faults.hold(call())
        faults.look(BUSY)

        sandbox.meet_all()
        faults.look(BUSY)

        assert len(sandbox.board) == MOST_LIVE + 1
        assert len(faults) == 0

    @pytest.mark.parametrize(
        ("calls", "failures", "armed"), [(0, 0, 0), (10, 0, 4), (10, 3, 1), (10, 5, 0), (20, 2, 6)]
    )
    def test_are_no_more_than_the_calls_can_bear(
        self,
        faults: GatewayFaults,
        sandbox: SandboxStandIn,
        calls: int,
        failures: int,
        armed: int,
    ) -> None:
        for number in range(8):
            faults.hold(call(f"operation_{number}"))

        faults.look(Traffic(calls=calls, failures=failures, is_cut_off=False))

        assert len(sandbox.board) == armed
        assert len(faults) == 8 - armed

    def test_that_wait_to_be_met_count_as_failures(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        few = Traffic(calls=10, failures=0, is_cut_off=False)
        for number in range(8):
            faults.hold(call(f"operation_{number}"))

        faults.look(few)
        faults.look(few)

        assert len(sandbox.board) == 4

    def test_of_one_operation_leave_room_for_another(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        for where in ("create_order", "create_order", "create_order", "fetch_payment"):
            faults.hold(call(where))

        faults.look(BUSY)

        assert [fault["where"] for fault in sandbox.list_faults()].count("fetch_payment") == 1

    def test_come_all_at_once_in_a_storm(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        for _ in range(5):
            faults.hold(call("*", times=16))

        faults.look(BUSY)

        assert len(sandbox.board) == 5

    def test_that_nobody_met_are_taken_back_while_the_gateway_is_cut_off(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        faults.hold(call())
        faults.look(BUSY)

        faults.look(CUT_OFF)

        assert sandbox.board == {}
        assert faults.injected.total() == 0
        assert len(faults) == 1

    def test_that_were_met_are_not_made_again(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        faults.hold(call())
        faults.look(BUSY)
        sandbox.meet_all()

        faults.look(CUT_OFF)

        assert len(faults) == 0
        assert (faults.injected["silent"], faults.fired["silent"]) == (1, 1)

    def test_of_a_storm_that_opened_the_breaker_are_over(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        faults.hold(call("*", times=16))
        faults.look(BUSY)
        sandbox.list_faults()[0]["fired"] = 9

        faults.look(CUT_OFF)

        assert len(faults) == 0
        assert (faults.injected["silent"], faults.fired["silent"]) == (16, 9)


class TestWebhookFaults:
    def test_stay_armed_while_the_gateway_is_cut_off(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        faults.arm(Fault(0, Family.WEBHOOK, "drop", "order.paid"))

        faults.look(CUT_OFF)

        assert len(sandbox.board) == 1

    def test_are_counted_as_fired_when_they_were(
        self, faults: GatewayFaults, sandbox: SandboxStandIn
    ) -> None:
        faults.arm(Fault(0, Family.WEBHOOK, "drop", "order.paid"))
        faults.arm(Fault(0, Family.WEBHOOK, "drop", "order.paid"))
        sandbox.list_faults()[0]["fired"] = 1

        faults.clear()

        assert (faults.injected["drop"], faults.fired["drop"]) == (2, 1)
        assert sandbox.board == {}
