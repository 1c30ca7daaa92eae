"""The third side: our payments against what reached the bank account."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Alert
from payments.models import Payment, ReconciliationBreak, Refund
from payments.tests.reconciling import breaks, shop_on_sandbox

pytestmark = pytest.mark.django_db

TEN_DAYS = {"later": timedelta(days=10), "days": 9}


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


def settlements_of(row):
    row.refresh_from_db()
    return row.settlement_id, row.settlement_utr, row.settled_at


class TestASettlement:
    def test_leaves_its_reference_on_the_payment_and_the_refund(self, shop):
        refund_id = shop.refund_in_dashboard(shop.sell(), amount=4000)

        tally = shop.reconcile()

        settlement_id, utr, settled_at = settlements_of(Payment.objects.get())
        assert settlement_id.startswith("setl_")
        assert utr != ""
        assert settled_at is not None
        refund = Refund.objects.get(gateway_refund_id=refund_id)
        assert settlements_of(refund)[:2] == (settlement_id, utr)
        assert (tally.settled, tally.filled_in, tally.open) == (2, 2, 0)

    def test_of_a_wrong_amount_is_left_to_staff_with_its_reference(self, shop):
        payment_id = shop.sell()
        shop.post(f"/settlements/{payment_id}/adjust", difference=-100)

        shop.reconcile()

        assert breaks() == [("amount", "settlement", "open", -100)]
        row, payment = ReconciliationBreak.objects.get(), Payment.objects.get()
        assert (row.ours_paise, row.theirs_paise) == (9666, 9566)
        assert (row.settlement_id, row.utr) == (payment.settlement_id, payment.settlement_utr)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.break_amount", "high")
        assert "9566 paise reached the bank account, not 9666 (-₹1.00)." in alert.message

    def test_that_takes_too_much_for_a_refund_is_left_to_staff(self, shop):
        refund_id = shop.refund_in_dashboard(shop.sell(), amount=4000)
        shop.post(f"/settlements/{refund_id}/adjust", difference=250)

        shop.reconcile()

        assert ("amount", "settlement", "open", -250) in breaks()

    def test_of_a_payment_that_was_settled_before_is_a_duplicate(self, shop):
        shop.sell()
        Payment.objects.update(settlement_id="setl_before", settlement_utr="UTR0")

        shop.reconcile()

        assert breaks() == [("duplicate", "settlement", "open", 9666)]
        assert Payment.objects.get().settlement_utr == "UTR0"

    def test_of_money_captured_days_after_it_was_paid_settles_its_order(self, shop):
        order = shop.order()
        payment_id = shop.pay(order)
        # The gateway lists it under the day on which the buyer tried to pay.
        shop.change("payments", payment_id, created_at=0)

        shop.reconcile()

        order.refresh_from_db()
        assert order.state == "paid"
        assert breaks() == [("missing_here", "payment", "healed", 9900)]

    def test_of_a_refund_that_is_not_complete_here_completes_it(self, shop, monkeypatch):
        refund_id = shop.refund_in_dashboard(shop.sell(), amount=4000)
        shop.reconcile()
        Refund.objects.update(state="pending", settlement_id="", settled_at=None)
        # The gateway lists it under an earlier day, on which it was asked for.
        monkeypatch.setattr(shop.gateway, "list_refunds_between", lambda **_window: iter(()))

        shop.reconcile(later=timedelta(hours=2))

        refund = Refund.objects.get(gateway_refund_id=refund_id)
        assert (refund.state, refund.settlement_id != "") == ("processed", True)
        assert ("status", "refund", "healed", 4000) in breaks()

    def test_of_what_nobody_knows_is_left_to_staff(self, shop, monkeypatch):
        payment_id = shop.sell()
        Payment.objects.update(gateway_payment_id="pay_AAAAAAAAAAAAAA")
        shop.change("payments", payment_id, created_at=0)
        refuse_look_ups(shop, monkeypatch)

        shop.reconcile()

        assert ("missing_here", "settlement", "open", 9666) in breaks()


class TestAPaymentThatIsNeverSettled:
    @pytest.fixture
    def payment_id(self, shop):
        payment_id = shop.sell()
        shop.change("payments", payment_id, captured_at=None)
        return payment_id

    def test_is_left_to_staff_after_a_week(self, shop, payment_id):
        shop.reconcile(later=timedelta(days=7), days=6)
        assert breaks() == []

        shop.reconcile(**TEN_DAYS)

        assert breaks() == [("missing_there", "settlement", "open", -9666)]
        assert ReconciliationBreak.objects.get().gateway_id == payment_id

    def test_is_not_looked_for_when_its_week_was_not_read(self, shop, payment_id):
        shop.reconcile(later=timedelta(days=10), days=1)

        assert breaks() == []

    def test_stays_open_when_only_its_day_is_read_again(self, shop, payment_id):
        shop.reconcile(**TEN_DAYS)

        shop.reconcile(later=timedelta(days=11), days=1)

        assert breaks() == [("missing_there", "settlement", "open", -9666)]

    def test_is_healed_once_a_report_names_it(self, shop, payment_id):
        shop.reconcile(**TEN_DAYS)
        now = Payment.objects.get().captured_at
        shop.change("payments", payment_id, captured_at=int(now.timestamp()))

        shop.reconcile(later=timedelta(days=11), days=9)

        assert breaks() == [("missing_there", "settlement", "healed", -9666)]


def refuse_look_ups(shop, monkeypatch):
    """As if the gateway's single look-up did not know what its report names."""
    from payments.gateways.base import GatewayRejected

    def refuse(_payment_id):
        raise GatewayRejected

    monkeypatch.setattr(shop.gateway, "get_payment", refuse)
