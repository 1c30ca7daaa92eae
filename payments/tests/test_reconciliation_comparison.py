"""What counts as a difference, and of which kind: plain values, no database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from payments.gateways.base import GatewayPayment, GatewayRefund, SettledEntry
from payments.models import Payment, Refund
from payments.reconciliation.comparison import (
    compare_payment,
    compare_refund,
    compare_settled,
    kept_twice,
    missing_there,
    never_settled,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def theirs(status: str = "captured", **fields) -> GatewayPayment:
    values = {
        "id": "pay_1",
        "order_id": "order_1",
        "amount_paise": 9900,
        "currency": "INR",
        "status": status,
        "is_captured": status == "captured",
        "method": "upi",
        "fee_paise": 234,
        "tax_paise": 36,
        "refunded_paise": 0,
        "error_code": "",
        "error_description": "",
        "created_at": NOON,
    }
    return GatewayPayment(**values | fields)


def ours(state: str = "captured", **fields) -> Payment:
    values = {
        "gateway_payment_id": "pay_1",
        "state": state,
        "amount_paise": 9900,
        "currency": "INR",
        "fee_paise": 234,
        "captured_at": NOON if state == "captured" else None,
    }
    return Payment(**values | fields)


def their_refund(status: str = "processed", amount_paise: int = 4000) -> GatewayRefund:
    return GatewayRefund("rfnd_1", "pay_1", amount_paise, "INR", status, "")


def our_refund(state: str = "processed", **fields) -> Refund:
    return Refund(gateway_refund_id="rfnd_1", state=state, **{"amount_paise": 4000} | fields)


def entry(**fields) -> SettledEntry:
    values = {
        "entity_id": "pay_1",
        "type": "payment",
        "amount_paise": 9900,
        "fee_paise": 234,
        "tax_paise": 36,
        "credit_paise": 9666,
        "debit_paise": 0,
        "currency": "INR",
        "settlement_id": "setl_1",
        "utr": "UTR1",
        "settled_at": NOON,
        "payment_id": "",
        "order_receipt": "nv_1",
    }
    return SettledEntry(**values | fields)


def told(finding):
    """Kind, both sides, the difference, and whether the gateway is only ahead."""
    if finding is None:
        return None
    sides = (finding.ours_paise, finding.theirs_paise, finding.difference_paise)
    return (finding.kind.value, *sides, finding.is_behind)


class TestAPayment:
    @pytest.mark.parametrize(
        ("here", "there"),
        [
            (ours(), theirs()),
            (ours("quarantined", captured_at=NOON), theirs()),
            # Its refunds are compared one by one.
            (ours("refunded", captured_at=NOON), theirs()),
            (ours(), theirs("refunded", is_captured=True)),
            (ours("refunded"), theirs("refunded")),
            # No money has moved yet, so there is nothing to reconcile.
            (None, theirs("failed")),
            (None, theirs("authorized")),
            (ours("failed"), theirs("authorized")),
            # One side does not know the fee.
            (ours(fee_paise=None), theirs()),
            (ours(), theirs(fee_paise=None)),
        ],
    )
    def test_is_no_difference(self, here, there):
        assert compare_payment(here, there) is None

    @pytest.mark.parametrize(
        ("here", "there", "expected"),
        [
            (None, theirs(), ("missing_here", None, 9900, 9900, True)),
            (None, theirs("refunded"), ("missing_here", None, 9900, 9900, True)),
            (ours("authorized"), theirs(), ("status", 0, 9900, 9900, True)),
            (ours("failed"), theirs("refunded"), ("status", 0, 9900, 9900, True)),
            (ours(), theirs("failed"), ("status", 9900, 0, -9900, False)),
            (ours(), theirs("refunded"), ("status", 9900, 0, -9900, False)),
            (ours(), theirs(amount_paise=9800), ("amount", 9900, 9800, -100, False)),
            (ours(), theirs(currency="USD"), ("amount", 9900, 9900, 0, False)),
            (ours(), theirs(fee_paise=300), ("fee", 234, 300, 66, False)),
        ],
    )
    def test_differs(self, here, there, expected):
        assert told(compare_payment(here, there)) == expected


class TestARefund:
    @pytest.mark.parametrize(
        ("here", "there"),
        [
            (our_refund(), their_refund()),
            (our_refund("pending"), their_refund("pending")),
            (our_refund("failed"), their_refund("failed")),
            (None, their_refund("failed")),
        ],
    )
    def test_is_no_difference(self, here, there):
        assert compare_refund(here, there) is None

    @pytest.mark.parametrize(
        ("here", "there", "expected"),
        [
            (None, their_refund(), ("missing_here", None, 4000, 4000, True)),
            (None, their_refund("pending"), ("missing_here", None, 4000, 4000, True)),
            (our_refund("requested"), their_refund(), ("status", 0, 4000, 4000, True)),
            (our_refund("failed"), their_refund(), ("status", 0, 4000, 4000, True)),
            (our_refund("pending"), their_refund("failed"), ("status", 0, 0, 0, True)),
            (our_refund(), their_refund("failed"), ("status", 4000, 0, -4000, False)),
            (our_refund(amount_paise=5000), their_refund(), ("amount", 5000, 4000, -1000, False)),
        ],
    )
    def test_differs(self, here, there, expected):
        assert told(compare_refund(here, there)) == expected


class TestASettlement:
    def refunded(self, **fields) -> SettledEntry:
        line = {"type": "refund", "amount_paise": 4000, "fee_paise": 0, "credit_paise": 0}
        return entry(**line | {"debit_paise": 4000} | fields)

    def test_of_the_amount_less_the_fee_is_no_difference(self):
        assert compare_settled(ours(), entry()) == []
        assert compare_settled(ours(fee_paise=None), entry()) == []
        assert compare_settled(ours(settlement_id="setl_1"), entry()) == []
        assert compare_settled(our_refund(), self.refunded()) == []

    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ({"credit_paise": 9665}, [("amount", 9666, 9665, -1, False)]),
            # The fee's paise are counted once.
            ({"fee_paise": 300, "credit_paise": 9600}, [("fee", 234, 300, 66, False)]),
            (
                {"fee_paise": 300},
                [("amount", 9600, 9666, 66, False), ("fee", 234, 300, 66, False)],
            ),
        ],
    )
    def test_of_another_sum_differs(self, line, expected):
        assert [told(finding) for finding in compare_settled(ours(), entry(**line))] == expected

    def test_that_takes_too_much_for_a_refund_differs(self):
        (finding,) = compare_settled(our_refund(), self.refunded(debit_paise=4100))

        assert told(finding) == ("amount", -4000, -4100, -100, False)

    def test_by_a_second_settlement_is_a_duplicate_with_its_reference(self):
        (finding,) = compare_settled(
            ours(settlement_id="setl_1"), entry(settlement_id="setl_2", utr="UTR2")
        )

        assert told(finding) == ("duplicate", 0, 9666, 9666, False)
        assert (finding.settlement_id, finding.utr) == ("setl_2", "UTR2")

    def test_that_never_came_lacks_the_net_amount(self):
        finding = never_settled(ours())

        assert told(finding) == ("missing_there", 9666, None, -9666, False)
        assert finding.subject == "settlement"


class TestWhatTheGatewayDoesNotKnow:
    def test_is_missing_there_with_all_of_its_amount(self):
        finding = missing_there(our_refund(), gateway_id="rfnd_1")

        assert told(finding) == ("missing_there", 4000, None, -4000, False)
        assert finding.subject == "refund"


class TestASecondPayment:
    def test_lacks_what_was_not_given_back(self):
        finding = kept_twice(ours(given_back_paise=900))

        assert told(finding) == ("duplicate", 900, 9900, 9000, False)
