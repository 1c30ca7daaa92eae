"""What an answer may be, and how long it may take."""

from __future__ import annotations

import pytest

from notevault.chaos.records import (
    ALLOWANCE_S,
    ANSWER_WITHIN_S,
    BROKEN,
    RESTART_S,
    SILENT,
    PaymentMade,
    Records,
)

IN_TIME = ANSWER_WITHIN_S + ALLOWANCE_S - 0.1
LATE = ANSWER_WITHIN_S + ALLOWANCE_S + 0.1
FAR_TOO_LATE = LATE + RESTART_S


def note(records: Records, *, status: int = 200, seconds: float = 0.1) -> None:
    records.note_answer("POST /orders", status=status, code="", seconds=seconds)


class TestAnAnswer:
    @pytest.mark.parametrize("status", [200, 201, 400, 404, 409, 503])
    def test_keeps_the_promise(self, status: int) -> None:
        records = Records()

        note(records, status=status, seconds=IN_TIME)

        assert records.broken() == []

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_breaks_it_with_an_error_of_ours(self, status: int) -> None:
        records = Records()

        note(records, status=status)

        assert records.broken() == [f"POST /orders answered {status}"]

    def test_breaks_it_by_being_late(self) -> None:
        records = Records()

        note(records, seconds=LATE)

        assert records.broken() == ["POST /orders (200) took 7.1 s"]

    def test_may_be_as_late_as_a_web_process_takes_to_start(self) -> None:
        records = Records()
        records.note_web_died()

        note(records, seconds=LATE)

        assert records.broken() == []

    def test_may_not_be_later_than_that(self) -> None:
        records = Records()
        records.note_web_died()

        note(records, seconds=FAR_TOO_LATE)

        assert len(records.broken()) == 1

    def test_that_never_came_is_late_too(self) -> None:
        records = Records()

        records.note_no_answer("POST /orders", why=SILENT, seconds=20)

        assert records.broken() == ["POST /orders (time-out) took 20.0 s"]

    def test_that_took_its_time_and_was_cut_off_by_a_kill_is_not_late(self) -> None:
        records = Records()
        records.note_web_died()

        records.note_no_answer("POST /orders", why=BROKEN, seconds=FAR_TOO_LATE)

        assert records.broken() == []

    def test_that_was_cut_off_late_and_by_nobody_breaks_it(self) -> None:
        records = Records()

        records.note_no_answer("POST /orders", why=BROKEN, seconds=LATE)

        assert records.broken() == ["POST /orders (no connection) took 7.1 s"]

    def test_that_a_kill_cut_off_breaks_nothing(self) -> None:
        records = Records()

        records.note_no_answer("POST /orders", why=BROKEN, seconds=0.2)

        assert records.broken() == []


class TestPaymentsMade:
    def test_are_picked_by_place(self) -> None:
        records = Records()
        for number in range(4):
            records.note_payment(PaymentMade("order", f"pay_{number}", 100, failed=number == 3))

        picked = [records.pick_payment(pick, failed=False) for pick in (0.0, 0.5, 0.99)]

        assert [payment.payment_id for payment in picked if payment] == ["pay_0", "pay_1", "pay_2"]
        failed = records.pick_payment(0.5, failed=True)
        assert failed is not None
        assert failed.payment_id == "pay_3"

    def test_are_none_at_first(self) -> None:
        assert Records().pick_payment(0.5, failed=False) is None
