"""A referee that cannot fail is a defect: each kind of broken row is found in a made-up state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from notevault.chaos import referee
from notevault.chaos.findings import Harm
from notevault.chaos.state import OurJob, OurPayment, Promises, State
from notevault.chaos.tests.made_up_states import (
    KEY,
    NOTE,
    ORDER,
    captured,
    made_refund,
    our_refund,
    returned_state,
    sold_state,
)


@pytest.fixture
def sold() -> State:
    return sold_state()


@pytest.fixture
def returned() -> State:
    return returned_state()


def harms(state: State) -> list[Harm]:
    return [finding.harm for finding in referee.judge(state)]


def said(state: State) -> str:
    return "; ".join(finding.what for finding in referee.judge(state))


class TestNothingIsFound:
    def test_in_a_sale(self, sold: State) -> None:
        assert referee.judge(sold) == []

    def test_in_a_full_refund(self, returned: State) -> None:
        assert referee.judge(returned) == []

    def test_where_one_line_is_kept_and_the_other_came_back(self, sold: State) -> None:
        half = replace(
            sold,
            accesses=sold.accesses[:1],
            gateway_refunds=[made_refund(amount_paise=100)],
            refunds=[our_refund(amount_paise=100)],
        )

        assert referee.judge(half) == []

    def test_in_a_partial_refund_from_the_dashboard_that_we_know(self, sold: State) -> None:
        by_hand = replace(
            sold,
            gateway_refunds=[made_refund(amount_paise=150, receipt="")],
            refunds=[our_refund(amount_paise=150)],
        )

        assert referee.judge(by_hand) == []

    def test_in_a_quarantined_payment_of_another_amount(self, sold: State) -> None:
        quarantined = replace(
            sold,
            gateway_payments=[captured(amount_paise=200)],
            orders=[replace(sold.orders[0], state="awaiting_payment")],
            payments=[replace(sold.payments[0], state="quarantined", settles=False)],
            accesses=[],
            promises=Promises(),
        )

        assert referee.judge(quarantined) == []

    def test_in_a_second_capture_that_came_back(self, sold: State) -> None:
        twice = replace(
            sold,
            gateway_payments=[captured(), captured("pay_2")],
            gateway_refunds=[made_refund(payment_id="pay_2")],
            payments=[*sold.payments, OurPayment("pay_2", ORDER, "refunded", settles=False)],
            refunds=[our_refund(payment_id="pay_2")],
        )

        assert referee.judge(twice) == []

    def test_in_a_payment_that_the_gateway_gave_back_uncaptured(self, sold: State) -> None:
        uncaptured = captured("pay_2", status="refunded", is_captured=False)
        rival = replace(
            sold,
            gateway_payments=[captured(), uncaptured],
            gateway_refunds=[made_refund(payment_id="pay_2", receipt="")],
        )

        assert referee.judge(rival) == []

    def test_in_a_gateway_order_that_a_closed_order_never_heard_of(self, sold: State) -> None:
        unpaid = replace(
            sold,
            gateway_orders=[replace(sold.gateway_orders[0], amount_paid_paise=0)],
            gateway_payments=[],
            gateway_events=[],
            orders=[replace(sold.orders[0], state="cancelled", gateway_order_id=None)],
            payments=[],
            accesses=[],
            promises=Promises(),
        )

        assert referee.judge(unpaid) == []

    def test_in_an_event_that_waits_in_an_open_dead_letter(self, sold: State) -> None:
        letter = OurJob("payments.tasks.handle_event", '{"event_id": "e1"}')
        buried = replace(
            sold,
            events=[replace(sold.events[0], state="received")],
            failed_jobs=[letter],
            letters=[letter],
            open_letters=[letter],
        )

        assert referee.judge(buried) == []


class TestALostPaymentIsFound:
    def test_when_it_is_not_known_here(self, sold: State) -> None:
        unknown = replace(sold, payments=[], accesses=[], promises=Promises())

        assert harms(unknown) == [Harm.LOST]
        assert said(unknown) == "captured pay_1 is not known here"

    @pytest.mark.parametrize("state", ["created", "authorized", "failed"])
    def test_when_we_take_it_for_something_less(self, sold: State, state: str) -> None:
        behind = replace(sold, payments=[replace(sold.payments[0], state=state)])

        assert harms(behind) == [Harm.LOST]

    def test_when_a_granted_line_cannot_be_read(self, sold: State) -> None:
        assert harms(replace(sold, accesses=sold.accesses[:1])) == [Harm.LOST]

    def test_when_a_second_capture_did_not_come_back(self, sold: State) -> None:
        kept = replace(
            sold,
            gateway_payments=[captured(), captured("pay_2")],
            payments=[*sold.payments, OurPayment("pay_2", ORDER, "captured", settles=False)],
        )

        assert harms(kept) == [Harm.LOST]
        assert "pay_2: 300 captured, 0 kept, 0 back" in said(kept)

    def test_when_its_refund_is_a_paisa_short(self, returned: State) -> None:
        short = replace(returned, gateway_refunds=[made_refund(amount_paise=299)])

        assert harms(short) == [Harm.LOST]

    def test_when_its_refund_failed_at_the_gateway(self, returned: State) -> None:
        failed = replace(
            returned,
            gateway_refunds=[made_refund(status="failed")],
            refunds=[our_refund(state="failed")],
        )

        assert harms(failed) == [Harm.LOST]

    def test_when_a_refund_done_here_was_never_made_there(self, returned: State) -> None:
        assert harms(replace(returned, gateway_refunds=[])) == [Harm.LOST, Harm.LOST]

    def test_when_a_refund_was_made_there_without_a_row_here(self, sold: State) -> None:
        by_hand = replace(sold, gateway_refunds=[made_refund(amount_paise=150, receipt="")])

        assert harms(by_hand) == [Harm.LOST]
        assert said(by_hand) == "rfnd_1 of pay_1 unknown here"


class TestADoubleIsFound:
    def test_of_access_and_refund(self, sold: State, returned: State) -> None:
        both = replace(returned, accesses=sold.accesses)

        assert harms(both) == [Harm.DOUBLED, Harm.DOUBLED]
        assert "which went back" in said(both)

    def test_of_access_and_a_refund_that_took_from_no_line(
        self, sold: State, returned: State
    ) -> None:
        both = replace(returned, accesses=sold.accesses, reversals=[])

        assert harms(both) == [Harm.DOUBLED]

    def test_of_our_own_refund_and_the_line_it_was_for(self, sold: State) -> None:
        both = replace(
            sold,
            gateway_refunds=[made_refund(amount_paise=100)],
            refunds=[our_refund(amount_paise=100)],
        )

        assert harms(both) == [Harm.DOUBLED]

    def test_of_a_refund_beyond_the_capture(self, returned: State) -> None:
        beyond = replace(
            returned,
            gateway_refunds=[made_refund(), made_refund("rfnd_2", amount_paise=1, receipt="")],
            refunds=[our_refund(), our_refund(key="e", why="by hand", gateway_refund_id="rfnd_2")],
        )

        assert harms(beyond) == [Harm.DOUBLED]
        assert said(beyond) == "pay_1: 301 back of 300"

    def test_of_a_refund_under_one_key(self, returned: State) -> None:
        twice = replace(
            returned,
            gateway_refunds=[made_refund(), made_refund("rfnd_2")],
            refunds=[our_refund(), our_refund(key="e", why="by hand", gateway_refund_id="rfnd_2")],
        )

        assert f"refund {KEY} made twice" in said(twice)

    def test_of_a_refund_for_one_reason(self, returned: State) -> None:
        other = {"key": "d" * 32, "gateway_refund_id": "rfnd_2", "amount_paise": 150}
        twice = replace(
            returned,
            gateway_refunds=[
                made_refund(amount_paise=150),
                made_refund("rfnd_2", amount_paise=150, receipt="d" * 32),
            ],
            refunds=[our_refund(amount_paise=150), our_refund(**other)],
        )

        assert harms(twice) == [Harm.DOUBLED]
        assert said(twice) == "pay_1 refunded twice: a reason"

    def test_of_an_access_without_any_money(self, sold: State) -> None:
        unpaid = replace(
            sold, gateway_payments=[], payments=[], orders=[replace(sold.orders[0], state="paid")]
        )

        assert set(harms(unpaid)) == {Harm.DOUBLED}
        assert "without money" in said(unpaid)

    def test_of_an_access_for_money_that_was_never_captured(self, sold: State) -> None:
        failed = replace(sold, gateway_payments=[captured(status="failed", is_captured=False)])

        assert set(harms(failed)) == {Harm.DOUBLED}
        assert "pay_1 settles, never captured" in said(failed)

    def test_of_an_access_to_the_same_note(self, sold: State) -> None:
        same = [replace(access, note_id=NOTE) for access in sold.accesses]

        assert harms(replace(sold, accesses=same)) == [Harm.DOUBLED, Harm.DOUBLED]

    def test_of_a_gateway_order_for_one_receipt(self, sold: State) -> None:
        twin = replace(sold.gateway_orders[0], id="order_2")

        assert set(harms(replace(sold, gateway_orders=[*sold.gateway_orders, twin]))) == {
            Harm.DOUBLED
        }

    def test_of_a_gateway_order_that_is_not_the_one_we_know(self, sold: State) -> None:
        other = replace(sold.gateway_orders[0], id="order_2")

        assert harms(replace(sold, gateway_orders=[other])) == [Harm.DOUBLED]


class TestABrokenPromiseIsFound:
    def test_when_an_answered_order_is_gone(self, sold: State) -> None:
        gone = replace(sold, promises=Promises(orders=frozenset({str(UUID(int=99))})))

        assert harms(gone) == [Harm.LOST]

    def test_when_an_order_answered_as_paid_is_not(self, sold: State) -> None:
        unpaid = replace(sold, orders=[replace(sold.orders[0], state="expired")])

        assert harms(unpaid) == [Harm.LOST]
        assert said(unpaid) == "an order answered as paid is expired"

    def test_when_a_gateway_order_has_no_order_here(self, sold: State) -> None:
        orphan = replace(sold.gateway_orders[0], id="order_9", receipt="nv_of_nobody")

        assert harms(replace(sold, gateway_orders=[*sold.gateway_orders, orphan])) == [Harm.LOST]

    def test_when_an_acknowledged_event_is_not_here(self, sold: State) -> None:
        assert harms(replace(sold, events=[])) == [Harm.LOST]

    def test_when_a_job_failed_without_a_dead_letter(self, sold: State) -> None:
        job = OurJob("payments.tasks.send_refund", '{"refund_id": "1"}')
        another = replace(job, subject='{"refund_id": "2"}')

        assert harms(replace(sold, failed_jobs=[job], letters=[another])) == [Harm.LOST]


class TestWhatIsStuckIsFound:
    def test_an_authorised_payment_that_nobody_captured(self, sold: State) -> None:
        held = replace(
            sold,
            gateway_payments=[captured(status="authorized", is_captured=False)],
            orders=[replace(sold.orders[0], state="awaiting_payment")],
            payments=[OurPayment("pay_1", ORDER, "authorized", settles=False)],
            accesses=[],
            promises=Promises(),
        )

        assert harms(held) == [Harm.STUCK]

    def test_a_payment_in_quarantine_that_fits(self, sold: State) -> None:
        fits = replace(
            sold,
            payments=[replace(sold.payments[0], state="quarantined", settles=False)],
            accesses=[],
        )

        assert harms(fits) == [Harm.STUCK]

    @pytest.mark.parametrize("state", ["requested", "pending"])
    def test_a_refund_that_is_still_owed(self, returned: State, state: str) -> None:
        assert Harm.STUCK in harms(replace(returned, refunds=[our_refund(state=state)]))

    def test_a_refund_that_the_payment_does_not_show(self, returned: State) -> None:
        unshown = replace(returned, payments=[replace(returned.payments[0], state="captured")])

        assert harms(unshown) == [Harm.STUCK]

    def test_an_order_between_two_beats(self, sold: State) -> None:
        between = replace(
            sold,
            gateway_payments=[],
            gateway_events=[],
            orders=[replace(sold.orders[0], state="created", gateway_order_id=None)],
            payments=[],
            accesses=[],
            promises=Promises(),
        )

        assert harms(between) == [Harm.STUCK]

    def test_a_paid_gateway_order_that_a_closed_order_does_not_know(self, sold: State) -> None:
        unknown = replace(
            sold,
            orders=[replace(sold.orders[0], state="cancelled", gateway_order_id=None)],
            gateway_payments=[],
            payments=[],
            accesses=[],
            promises=Promises(),
        )

        assert harms(unknown) == [Harm.STUCK]

    def test_an_event_that_nobody_handled(self, sold: State) -> None:
        waiting = replace(sold, events=[replace(sold.events[0], state="received")])

        assert harms(waiting) == [Harm.STUCK]


class TestEachRule:
    @pytest.mark.parametrize("rule", referee.RULES)
    def test_is_content_with_an_empty_world(self, rule: Callable[..., Any]) -> None:
        assert list(rule(State())) == []
