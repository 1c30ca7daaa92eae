"""What a settlement report teaches the ledger: late fees, and what reached the bank."""

from __future__ import annotations

from datetime import timedelta

import pytest

from payments import invariants
from payments.ledger.balances import balance_paise
from payments.models import Dispute, LedgerEntry, LedgerTransaction, Payment, Refund
from payments.states import AccountKind, TransactionKind
from payments.tests.reconciling import shop_on_sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


def house():
    kinds = (AccountKind.GATEWAY_CLEARING, AccountKind.GATEWAY_FEES, AccountKind.BANK)
    return tuple(balance_paise(kind=kind) for kind in kinds)


def broken():
    about = [check for check in invariants.CHECKS if check.invariant == "I3"]
    return [check.about for check in about if list(invariants.findings(check))]


class TestASettlementReport:
    def test_moves_what_reached_the_bank_out_of_the_clearing_account(self, shop):
        shop.sell()

        shop.reconcile()

        assert house() == (0, -234, -9666)
        assert broken() == []

    def test_moves_a_refund_out_of_the_bank(self, shop):
        shop.refund_in_dashboard(shop.sell(), amount=4000)

        shop.reconcile()

        assert house() == (0, -234, 4000 - 9666)
        about = LedgerTransaction.objects.filter(kind=TransactionKind.SETTLED)
        refund = Refund.objects.get()
        assert set(about.values_list("subject_id", "order_id")) == {
            (Payment.objects.get().pk, refund.payment.order_id),
            (refund.pk, refund.payment.order_id),
        }
        assert broken() == []

    def test_moves_a_lost_dispute_out_of_the_bank(self, shop):
        dispute_id = shop.post(f"/payments/{shop.sell()}/dispute")["id"]
        shop.post(f"/disputes/{dispute_id}/lost")

        shop.reconcile()

        about = LedgerTransaction.objects.filter(kind=TransactionKind.SETTLED)
        assert set(about.values_list("subject_id", flat=True)) == {
            Payment.objects.get().pk,
            Dispute.objects.get().pk,
        }
        assert house() == (0, -234, 9900 - 9666)
        assert broken() == []

    def test_moves_nothing_twice(self, shop):
        shop.sell()
        shop.reconcile()
        entries = LedgerEntry.objects.count()

        shop.reconcile(later=timedelta(hours=2))

        assert LedgerEntry.objects.count() == entries

    def test_leaves_a_wrong_amount_in_the_clearing_account(self, shop):
        payment_id = shop.sell()
        shop.post(f"/settlements/{payment_id}/adjust", difference=-100)

        shop.reconcile()

        assert house() == (-100, -234, -9566)
        assert broken() == []

    def test_moves_nothing_in_a_dry_run(self, shop):
        shop.sell()
        before = house()

        shop.reconcile(dry_run=True)

        assert house() == before == (234 - 9900, -234, 0)


class TestAFee:
    def test_that_is_learnt_late_is_kept_by_the_gateway_from_then_on(self, shop):
        shop.sell(fee_paise=None, tax_paise=None)
        assert house() == (-9900, 0, 0)

        shop.reconcile()

        assert house() == (0, -234, -9666)
        assert broken() == []

    def test_of_a_payment_that_is_not_captured_here_waits_for_its_capture(self, shop):
        payment_id = shop.pay(shop.order())

        shop.reconcile()

        fees = LedgerTransaction.objects.filter(kind=TransactionKind.GATEWAY_FEE)
        assert fees.count() == 1
        assert Payment.objects.get(gateway_payment_id=payment_id).fee_paise == 234
        assert house() == (0, -234, -9666)
        assert broken() == []


class TestManySettlements:
    def test_cost_as_many_queries_as_one(self, shop, django_assert_max_num_queries):
        for _ in range(4):
            shop.sell(fee_paise=None, tax_paise=None)

        with django_assert_max_num_queries(80):
            shop.reconcile()

        assert house() == (0, -4 * 234, -4 * 9666)
