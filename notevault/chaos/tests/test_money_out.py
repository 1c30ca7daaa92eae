"""What goes to sellers, what coupons take off, what is invoiced: planted faults are found."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from notevault.chaos import referee
from notevault.chaos.banks import Transfer
from notevault.chaos.findings import Harm
from notevault.chaos.state import OurCoupon, OurInvoice, OurSeller, OurUse, Promises, State
from notevault.chaos.tests.made_up_states import (
    CODE,
    ORDER,
    SELLER,
    UTR,
    coupon_state,
    paid_out_state,
    payout,
    sold_state,
)


def harms(state: State) -> list[Harm]:
    return [finding.harm for finding in referee.judge(state)]


@pytest.fixture
def paid_out() -> State:
    return paid_out_state()


class TestNothingIsFound:
    def test_in_a_payout_that_the_bank_paid_at_the_second_attempt(self, paid_out: State) -> None:
        assert referee.judge(paid_out) == []

    def test_in_one_that_was_rejected_and_asked_for_again(self, paid_out: State) -> None:
        rejected = payout(id=UUID(int=9), code="NVBA9876543210", state="rejected", utr="")

        assert referee.judge(replace(paid_out, payouts=[rejected, *paid_out.payouts])) == []

    def test_in_the_last_use_of_a_coupon(self) -> None:
        assert referee.judge(coupon_state()) == []


class TestAPayoutIsFound:
    @pytest.mark.parametrize("state", ["requested", "approved", "exported", "failed"])
    def test_that_nobody_brought_to_an_end(self, paid_out: State, state: str) -> None:
        on_its_way = replace(
            paid_out,
            payouts=[payout(state=state, utr="")],
            sellers=[OurSeller(SELLER, released_paise=10_000, in_transit_paise=10_000)],
            transfers=[],
        )

        assert harms(on_its_way) == [Harm.STUCK]

    def test_that_the_bank_paid_twice(self, paid_out: State) -> None:
        again = Transfer(f"{CODE}03", 10_000, "426500000000")

        assert harms(replace(paid_out, transfers=[*paid_out.transfers, again])) == [Harm.DOUBLED]

    def test_that_the_bank_paid_though_it_was_rejected(self, paid_out: State) -> None:
        rejected = replace(paid_out, payouts=[payout(state="rejected", utr="")])

        assert harms(rejected) == [Harm.DOUBLED]

    def test_that_the_bank_never_paid(self, paid_out: State) -> None:
        assert harms(replace(paid_out, transfers=paid_out.transfers[:1])) == [Harm.LOST]

    def test_that_is_gone_when_the_bank_has_paid_it(self, paid_out: State) -> None:
        assert harms(replace(paid_out, payouts=[])) == [Harm.LOST]

    @pytest.mark.parametrize(
        "paid", [Transfer(f"{CODE}02", 10_001, UTR), Transfer(f"{CODE}02", 10_000, "4265999")]
    )
    def test_that_the_bank_paid_otherwise(self, paid_out: State, paid: Transfer) -> None:
        assert harms(replace(paid_out, transfers=[paid])) == [Harm.DOUBLED]

    def test_that_took_more_than_was_available(self, paid_out: State) -> None:
        beyond = replace(paid_out, payouts=[payout(balance_paise=-1)])

        assert harms(beyond) == [Harm.DOUBLED]

    def test_that_took_more_than_was_ever_earned(self, paid_out: State) -> None:
        poorer = replace(paid_out, sellers=[OurSeller(SELLER, 9_999, 0)])

        assert harms(poorer) == [Harm.DOUBLED]

    def test_that_the_ledger_has_still_on_its_way(self, paid_out: State) -> None:
        behind = replace(paid_out, sellers=[OurSeller(SELLER, 10_000, 10_000)])

        assert harms(behind) == [Harm.LOST]

    def test_that_was_answered_and_is_gone(self, paid_out: State) -> None:
        told = replace(paid_out, promises=Promises(payouts=frozenset({str(UUID(int=99))})))

        assert harms(told) == [Harm.LOST]


class TestACouponIsFound:
    def test_that_has_a_use_too_many(self) -> None:
        beyond = replace(coupon_state(), coupons=[OurCoupon("STORM-10", 5, 6)])

        assert harms(beyond) == [Harm.DOUBLED]

    def test_that_an_order_holds_for_ever(self) -> None:
        held = replace(coupon_state(), uses=[OurUse(ORDER, "reserved")])

        assert harms(held) == [Harm.STUCK]


class TestADocumentIsFound:
    def test_that_is_missing_in_its_series(self) -> None:
        gap = replace(sold_state(), invoices=[OurInvoice("NV", 2, ORDER, "invoice")])

        assert harms(gap) == [Harm.LOST]

    def test_that_has_the_number_of_another(self) -> None:
        note = OurInvoice("NC", 1, ORDER, "credit_note")
        twice = replace(sold_state(), invoices=[*sold_state().invoices, note, note])

        assert harms(twice) == [Harm.DOUBLED]

    def test_that_a_sale_has_twice(self) -> None:
        another = OurInvoice("NV", 2, ORDER, "invoice")
        twice = replace(sold_state(), invoices=[*sold_state().invoices, another])

        assert harms(twice) == [Harm.DOUBLED]

    def test_that_a_sale_waits_for(self) -> None:
        assert harms(replace(sold_state(), invoices=[])) == [Harm.STUCK]
