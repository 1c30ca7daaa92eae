"""What goes back after a sale: by request and by dispute, each planted fault is found."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from notevault.chaos import referee
from notevault.chaos.findings import Harm
from notevault.chaos.state import OurReversal, Promises, State
from notevault.chaos.tests.made_up_states import (
    COLLEAGUE,
    HEARD_LATER,
    KEY,
    LINE,
    OTHER_LINE,
    REQUEST,
    STAFF,
    gateway_dispute,
    lost_state,
    made_refund,
    our_dispute,
    our_refund,
    request,
    requested_state,
    sold_state,
)

DEAR = 200_001


def harms(state: State) -> list[Harm]:
    return [finding.harm for finding in referee.judge(state)]


def said(state: State) -> str:
    return "; ".join(finding.what for finding in referee.judge(state))


@pytest.fixture
def requested() -> State:
    return requested_state()


@pytest.fixture
def lost() -> State:
    return lost_state()


def partly_refunded(back_paise: int = 50) -> State:
    """The sale, of whose second line a part has gone back; its buyer keeps the note."""
    requested = requested_state()
    return replace(
        requested,
        gateway_refunds=[made_refund(amount_paise=50)],
        refunds=[our_refund(amount_paise=50, request_id=REQUEST)],
        reversals=[OurReversal(OTHER_LINE, back_paise, refund_key=KEY)],
        requests=[request(amount_paise=50)],
        accesses=sold_state().accesses,
    )


def refunded_in_time() -> State:
    """Owed, and sent, before we heard of a dispute that then took the money once more."""
    lost = lost_state()
    return replace(
        lost,
        gateway_refunds=[made_refund()],
        payments=[replace(lost.payments[0], state="refunded")],
        refunds=[our_refund()],
        reversals=[
            OurReversal(LINE, 200, refund_key=KEY),
            OurReversal(OTHER_LINE, 100, refund_key=KEY),
        ],
        disputes=[our_dispute(key=HEARD_LATER)],
    )


class TestNothingIsFound:
    def test_in_a_line_that_was_asked_back(self, requested: State) -> None:
        assert referee.judge(requested) == []

    def test_in_a_part_that_was_asked_back(self) -> None:
        assert referee.judge(partly_refunded()) == []

    def test_in_a_dispute_that_took_everything(self, lost: State) -> None:
        assert referee.judge(lost) == []

    def test_in_a_dispute_that_took_a_part(self) -> None:
        part = replace(
            sold_state(),
            gateway_disputes=[gateway_dispute(deducted_paise=90)],
            disputes=[our_dispute(deducted_paise=90)],
            reversals=[
                OurReversal(LINE, 60, dispute_id="disp_1"),
                OurReversal(OTHER_LINE, 30, dispute_id="disp_1"),
            ],
        )

        assert referee.judge(part) == []

    @pytest.mark.parametrize("end", ["won", "closed"])
    def test_in_a_dispute_that_took_nothing(self, end: str) -> None:
        over = replace(
            sold_state(),
            gateway_disputes=[gateway_dispute(status=end, deducted_paise=0)],
            disputes=[our_dispute(state=end, deducted_paise=0)],
        )

        assert referee.judge(over) == []

    def test_in_a_refund_that_was_owed_before_the_dispute_took_the_same(self) -> None:
        assert referee.judge(refunded_in_time()) == []

    def test_in_a_refund_that_failed_and_was_made_by_another_of_the_same_request(
        self, requested: State
    ) -> None:
        first = our_refund(
            key="a" * 32,
            state="failed",
            amount_paise=100,
            gateway_refund_id="rfnd_0",
            request_id=REQUEST,
        )
        twice = replace(
            requested,
            gateway_refunds=[
                made_refund("rfnd_0", amount_paise=100, status="failed", receipt="a" * 32),
                *requested.gateway_refunds,
            ],
            refunds=[first, *requested.refunds],
        )

        assert referee.judge(twice) == []

    @pytest.mark.parametrize("state", ["rejected", "failed"])
    def test_in_a_request_that_came_to_nothing(self, state: str) -> None:
        nothing = replace(sold_state(), requests=[request(state=state)])

        assert referee.judge(nothing) == []


class TestARequestIsFound:
    @pytest.mark.parametrize("state", ["requested", "endorsed", "approved"])
    def test_that_nobody_brought_to_an_end(self, state: str) -> None:
        waiting = replace(sold_state(), requests=[request(state=state)])

        assert harms(waiting) == [Harm.STUCK]

    def test_that_is_complete_without_a_refund(self) -> None:
        empty = replace(sold_state(), requests=[request()])

        assert harms(empty) == [Harm.LOST]

    @pytest.mark.parametrize("state", ["rejected", "failed"])
    def test_that_was_refunded_all_the_same(self, requested: State, state: str) -> None:
        refunded = replace(requested, requests=[request(state=state)])

        assert harms(refunded) == [Harm.DOUBLED]

    def test_that_was_refunded_twice(self, requested: State) -> None:
        another = {"key": "d" * 32, "gateway_refund_id": "rfnd_2", "why": "again"}
        twice = replace(
            requested,
            gateway_refunds=[
                *requested.gateway_refunds,
                made_refund("rfnd_2", amount_paise=50, receipt="d" * 32),
            ],
            refunds=[
                *requested.refunds,
                our_refund(amount_paise=50, request_id=REQUEST, **another),
            ],
            reversals=[*requested.reversals, OurReversal(LINE, 50, refund_key="d" * 32)],
        )

        assert harms(twice) == [Harm.DOUBLED]
        assert "with 2 refunds" in said(twice)

    def test_that_gave_back_more_than_was_asked(self, requested: State) -> None:
        more = replace(requested, requests=[request(amount_paise=99)])

        assert harms(more) == [Harm.DOUBLED]

    @pytest.mark.parametrize("state", ["approved", "completed", "failed"])
    def test_that_is_dear_and_was_approved_by_one(self, requested: State, state: str) -> None:
        dear = replace(requested, requests=[request(state=state, amount_paise=DEAR)])
        by_two = request(state=state, amount_paise=DEAR, approvers=frozenset({STAFF, COLLEAGUE}))

        assert "approved by one alone" in said(dear)
        assert "approved by one alone" not in said(replace(requested, requests=[by_two]))

    def test_that_was_answered_and_is_gone(self) -> None:
        gone = replace(sold_state(), promises=Promises(requests=frozenset({str(UUID(int=99))})))

        assert harms(gone) == [Harm.LOST]


class TestAPartialRefundIsFound:
    def test_when_it_took_from_no_line(self) -> None:
        free = replace(partly_refunded(), reversals=[])

        assert harms(free) == [Harm.DOUBLED]
        assert "300 kept, 50 back" in said(free)

    def test_when_it_took_more_from_the_line_than_went_back(self) -> None:
        assert harms(partly_refunded(back_paise=51)) == [Harm.LOST]

    def test_when_the_whole_price_went_back_and_the_note_stayed(self, requested: State) -> None:
        both = replace(requested, accesses=sold_state().accesses)

        assert harms(both) == [Harm.DOUBLED]


class TestADisputeIsFound:
    def test_that_is_not_known_here(self) -> None:
        unheard = replace(
            sold_state(), gateway_disputes=[gateway_dispute(status="won", deducted_paise=0)]
        )

        assert harms(unheard) == [Harm.LOST]

    def test_that_is_not_known_there(self) -> None:
        invented = replace(sold_state(), disputes=[our_dispute(state="won", deducted_paise=0)])

        assert harms(invented) == [Harm.LOST]

    def test_that_goes_on_here_though_it_is_decided(self, lost: State) -> None:
        behind = replace(lost, disputes=[our_dispute(state="under_review", deducted_paise=0)])

        assert harms(behind) == [Harm.STUCK]

    def test_that_nobody_decides(self) -> None:
        live = replace(
            sold_state(),
            gateway_disputes=[gateway_dispute(status="open", deducted_paise=0)],
            disputes=[our_dispute(state="open", deducted_paise=0)],
        )

        assert harms(live) == [Harm.STUCK]

    def test_that_is_decided_here_alone(self) -> None:
        early = replace(
            sold_state(),
            gateway_disputes=[gateway_dispute(status="open", deducted_paise=0)],
            disputes=[our_dispute(state="won", deducted_paise=0)],
        )

        assert harms(early) == [Harm.STUCK, Harm.LOST]

    def test_that_is_decided_otherwise(self, lost: State) -> None:
        won = replace(lost, disputes=[our_dispute(state="won", deducted_paise=0)])

        assert harms(won) == [Harm.LOST]

    def test_whose_loss_is_another_sum(self, lost: State) -> None:
        less = replace(lost, disputes=[our_dispute(deducted_paise=299)])

        assert harms(less) == [Harm.LOST]

    def test_that_took_the_money_and_left_the_access(self, lost: State) -> None:
        both = replace(lost, accesses=sold_state().accesses)

        assert set(harms(both)) == {Harm.DOUBLED}

    def test_that_took_the_money_from_no_line(self, lost: State) -> None:
        both = replace(lost, accesses=sold_state().accesses, reversals=[])

        assert harms(both) == [Harm.DOUBLED]

    def test_that_took_access_and_no_money(self, lost: State) -> None:
        won = replace(
            lost,
            gateway_disputes=[gateway_dispute(status="won", deducted_paise=0)],
            disputes=[our_dispute(state="won", deducted_paise=0)],
        )

        assert harms(won) == [Harm.LOST]

    def test_in_which_we_refunded_what_it_then_took(self) -> None:
        late = replace(refunded_in_time(), disputes=[our_dispute()])

        assert harms(late) == [Harm.DOUBLED]
        assert said(late) == "pay_1 was refunded in a dispute that was lost"
