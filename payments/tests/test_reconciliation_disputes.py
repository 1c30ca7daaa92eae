"""Lost disputes in the settlement report, against ours."""

from __future__ import annotations

import pytest

from payments.models import Dispute, Payment, ReconciliationBreak
from payments.tests.reconciling import breaks, shop_on_sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


def lose(shop, payment_id, **amount):
    """A dispute that was lost; no event of it comes."""
    dispute_id = shop.post(f"/payments/{payment_id}/dispute")["id"]
    shop.post(f"/disputes/{dispute_id}/lost", **amount)
    return dispute_id


class TestTheAdjustmentOfALostDispute:
    def test_takes_in_what_nobody_told_us_of(self, shop):
        dispute_id = lose(shop, shop.sell())

        shop.reconcile()

        dispute = Dispute.objects.get()
        assert (dispute.gateway_dispute_id, dispute.state) == (dispute_id, "lost")
        assert dispute.deducted_paise == 9900
        payment = Payment.objects.get()
        assert dispute.settlement_id == payment.settlement_id != ""
        assert dispute.settlement_utr == payment.settlement_utr != ""
        assert dispute.settled_at is not None
        assert breaks() == [("missing_here", "dispute", "healed", -9900)]

    def test_matches_one_that_is_lost_here(self, shop):
        lose(shop, shop.sell(), amount=5000)
        shop.reconcile()
        before = breaks()

        tally = shop.reconcile()

        assert breaks() == before
        assert (tally.open, tally.filled_in) == (0, 0)
        assert Dispute.objects.get().deducted_paise == 5000

    def test_of_another_amount_is_left_to_staff(self, shop):
        dispute_id = lose(shop, shop.sell())
        shop.post(f"/settlements/{dispute_id}/adjust", difference=250)

        shop.reconcile()

        assert ("amount", "settlement", "open", -250) in breaks()
        row = ReconciliationBreak.objects.get(kind="amount")
        assert (row.ours_paise, row.theirs_paise) == (-9900, -10_150)

    def test_of_one_that_was_settled_before_is_a_duplicate(self, shop):
        lose(shop, shop.sell())
        shop.reconcile()
        Dispute.objects.update(settlement_id="setl_before")

        shop.reconcile()

        assert ("duplicate", "settlement", "open", -9900) in breaks()

    def test_of_one_that_was_won_here_is_left_to_staff(self, shop):
        lose(shop, shop.sell())
        shop.reconcile()
        Dispute.objects.update(state="won")
        ReconciliationBreak.objects.all().delete()

        shop.reconcile()

        assert breaks() == [("status", "dispute", "open", -9900)]
        assert Dispute.objects.get().state == "won"

    def test_of_another_product_is_none_of_our_business(self, shop):
        foreign = shop.gateway.create_order(receipt="shop-17", amount_paise=9900, notes={})
        lose(shop, shop.sandbox.pay(foreign.id)["razorpay_payment_id"])

        shop.reconcile()

        assert (breaks(), Dispute.objects.count()) == ([], 0)

    def test_that_the_gateway_itself_does_not_know_is_left_to_staff(self, shop, monkeypatch):
        from payments.gateways.base import GatewayRejected

        def refuse(_dispute_id):
            raise GatewayRejected

        lose(shop, shop.sell())
        monkeypatch.setattr(shop.gateway, "get_dispute", refuse)

        shop.reconcile()

        assert breaks() == [("missing_here", "settlement", "open", -9900)]

    def test_changes_nothing_in_a_dry_run(self, shop):
        lose(shop, shop.sell())

        tally = shop.reconcile(dry_run=True)

        assert (Dispute.objects.count(), breaks(), tally.healed) == (0, [], 1)
