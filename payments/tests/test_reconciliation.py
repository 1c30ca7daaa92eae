"""Our books against a real sandbox over HTTP: each kind of break, made for real."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Alert
from notes.models import NoteAccess
from notevault.kit import clock
from payments import refunds
from payments.models import Order, Payment, PaymentMove, ReconciliationBreak, Refund
from payments.tests.reconciling import breaks, shop_on_sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(buyer, seller, monkeypatch):
    with shop_on_sandbox(buyer, seller, monkeypatch) as shop:
        yield shop


def alerts_of_breaks():
    return list(Alert.objects.filter(kind__startswith="payments.break").order_by("kind"))


class TestAPaymentThatNobodyToldUsOf:
    def test_becomes_an_access_and_a_healed_break(self, shop, note):
        order = shop.order(note)
        payment_id = shop.pay(order)

        tally = shop.reconcile()

        order.refresh_from_db()
        assert order.state == "paid"
        assert NoteAccess.objects.filter(note=note, revoked_at=None).count() == 1
        assert breaks() == [("missing_here", "payment", "healed", 9900)]
        assert (tally.healed, tally.open, alerts_of_breaks()) == (1, 0, [])
        assert "reconciliation" in PaymentMove.objects.get(new="captured").why
        healed = ReconciliationBreak.objects.get()
        assert (healed.gateway_id, healed.theirs_paise) == (payment_id, 9900)
        assert healed.moves.get().why == "settled: the payment is captured, the order paid"

    def test_of_an_order_that_lost_its_gateway_id_finds_it_by_the_receipt(self, shop):
        order = shop.order()
        shop.pay(order)
        Order.objects.filter(pk=order.pk).update(state="created", gateway_order_id=None)

        shop.reconcile()

        before = order.gateway_order_id
        order.refresh_from_db()
        assert (order.state, order.gateway_order_id) == ("paid", before)

    def test_of_an_order_that_is_gone_is_left_to_staff(self, shop):
        made = shop.post("/v1/orders", amount=9900, currency="INR", receipt=f"nv_{'0' * 32}")
        shop.sandbox.pay(made["id"])

        tally = shop.reconcile()

        assert breaks() == [("missing_here", "payment", "open", 9900)]
        assert (tally.open, Payment.objects.count()) == (1, 0)

    @pytest.mark.parametrize("receipt", ["other-shop-1", None])
    def test_of_another_product_is_foreign_and_no_break(self, shop, receipt):
        made = shop.post("/v1/orders", amount=9900, currency="INR", receipt=receipt)
        payment_id = shop.sandbox.pay(made["id"])["razorpay_payment_id"]
        shop.refund_in_dashboard(payment_id)

        tally = shop.reconcile()

        assert tally.foreign > 0
        assert (breaks(), Payment.objects.count(), Refund.objects.count()) == ([], 0, 0)

    def test_that_we_knew_as_authorised_is_captured(self, shop):
        payment_id = shop.sell(status="authorized", is_captured=False)

        shop.reconcile()

        assert Payment.objects.get(gateway_payment_id=payment_id).state == "captured"
        assert breaks() == [("status", "payment", "healed", 9900)]

    def test_of_a_wrong_amount_goes_into_quarantine(self, shop):
        order = shop.order()
        shop.pay(order)
        Order.objects.filter(pk=order.pk).update(total_paise=9800, discount_paise=100)

        shop.reconcile()

        assert Payment.objects.get().state == "quarantined"
        assert NoteAccess.objects.count() == 0
        assert Alert.objects.filter(kind="payments.quarantined").count() == 1

    def test_of_a_second_order_with_our_receipt_goes_into_quarantine(self, shop):
        order = shop.order()
        shop.pay(order)
        Order.objects.filter(pk=order.pk).update(gateway_order_id="order_AAAAAAAAAAAAAA")

        shop.reconcile()

        assert Payment.objects.get().state == "quarantined"
        assert NoteAccess.objects.count() == 0

    def test_that_we_hold_for_another_order_is_left_to_staff(self, shop):
        other = shop.order()
        shop.sell()
        Payment.objects.update(state="authorized", captured_at=None, settles=False, order=other)

        shop.reconcile()

        assert breaks() == [("status", "payment", "open", 9900)]
        row = ReconciliationBreak.objects.get()
        assert row.details.endswith("not healed: This payment was made for another order.")
        assert Payment.objects.get().state == "authorized"

    def test_that_is_a_moment_old_may_still_be_told_of(self, shop):
        shop.pay(shop.order())

        shop.reconcile(later=timedelta(minutes=9))

        assert (breaks(), Payment.objects.count()) == ([], 0)


class TestARefund:
    def test_made_in_the_dashboard_is_taken_in(self, shop):
        refund_id = shop.refund_in_dashboard(shop.sell(), amount=4000)

        shop.reconcile()

        refund = Refund.objects.get(gateway_refund_id=refund_id)
        assert (refund.state, refund.amount_paise) == ("processed", 4000)
        assert Payment.objects.get().given_back_paise == 4000
        assert breaks() == [("missing_here", "refund", "healed", 4000)]

    def test_made_in_the_dashboard_of_a_payment_we_never_heard_of_brings_both(self, shop):
        order = shop.order()
        refund_id = shop.refund_in_dashboard(shop.pay(order), amount=4000)

        shop.reconcile()

        assert Refund.objects.get(gateway_refund_id=refund_id).state == "processed"
        assert Payment.objects.get().given_back_paise == 4000
        assert [row[:3] for row in breaks()] == [
            ("missing_here", "payment", "healed"),
            ("missing_here", "refund", "healed"),
        ]

    def test_that_was_made_and_whose_answer_was_lost_is_processed(self, shop):
        payment_id = shop.sell()
        refund = self.owe(9900)
        shop.gateway.refund_payment(
            payment_id, amount_paise=9900, idempotency_key=refund.idempotency_key
        )

        shop.reconcile()

        refund.refresh_from_db()
        assert refund.state == "processed"
        assert breaks() == [("status", "refund", "healed", 9900)]

    def test_asked_for_today_and_listed_under_another_day_is_looked_up(self, shop):
        payment_id = shop.sell()
        refund = self.owe(9900)
        made = shop.gateway.refund_payment(
            payment_id, amount_paise=9900, idempotency_key=refund.idempotency_key
        )
        shop.change("refunds", made.id, created_at=0)

        shop.reconcile()

        refund.refresh_from_db()
        assert (refund.state, refund.gateway_refund_id) == ("processed", made.id)
        assert breaks() == [("status", "refund", "healed", 9900)]

    def test_of_another_amount_there_is_left_to_staff(self, shop):
        refund_id = shop.refund_in_dashboard(shop.sell(), amount=4000)
        shop.reconcile()
        Refund.objects.update(amount_paise=3000)

        tally = shop.reconcile(later=timedelta(hours=2))

        assert ("amount", "refund", "open", 1000) in breaks()
        assert (tally.open, Refund.objects.get(gateway_refund_id=refund_id).amount_paise) == (
            2,  # the settlement report differs as well
            3000,
        )

    def test_that_the_gateway_does_not_know_is_missing_there(self, shop):
        shop.sell()
        refund = self.owe(9900)
        Refund.objects.filter(pk=refund.pk).update(
            state="processed", gateway_refund_id="rfnd_AAAAAAAAAAAAAA"
        )

        shop.reconcile()

        assert breaks() == [("missing_there", "refund", "open", -9900)]

    def test_that_is_still_to_be_sent_is_no_break_for_a_day(self, shop):
        shop.sell()
        self.owe(9900)

        shop.reconcile(later=timedelta(hours=23))
        assert breaks() == []
        shop.reconcile(later=timedelta(hours=25))

        assert breaks() == [("missing_there", "refund", "open", -9900)]

    def owe(self, amount_paise):
        return refunds.give_back(
            payment=Payment.objects.get(), amount_paise=amount_paise, why="test", now=clock.now()
        )


class TestAPayment:
    def test_that_the_gateway_does_not_know_is_missing_there(self, shop):
        payment_id = shop.sell()
        Payment.objects.update(gateway_payment_id="pay_AAAAAAAAAAAAAA")
        shop.change("payments", payment_id, created_at=0, captured_at=None)

        shop.reconcile()

        assert breaks() == [("missing_there", "payment", "open", -9900)]
        alert = alerts_of_breaks()[0]
        assert (alert.severity, alert.metadata["difference_paise"]) == ("high", -9900)

    def test_heard_of_on_the_next_day_is_looked_up_and_is_no_break(self, shop):
        payment_id = shop.sell()
        shop.change("payments", payment_id, created_at=0)

        shop.reconcile()

        assert breaks() == []

    def test_of_another_amount_there_is_left_to_staff(self, shop):
        payment_id = shop.sell()
        shop.change("payments", payment_id, captured_at=None)
        Payment.objects.update(amount_paise=9000)

        shop.reconcile()

        assert breaks() == [("amount", "payment", "open", 900)]

    def test_that_learns_its_fee_is_completed(self, shop):
        shop.sell()
        Payment.objects.update(fee_paise=None, tax_paise=None)

        tally = shop.reconcile()

        payment = Payment.objects.get()
        assert (payment.fee_paise, payment.tax_paise) == (234, 36)
        assert (tally.filled_in, breaks()) == (2, [])  # the fee, then the settlement

    def test_of_another_fee_there_is_left_to_staff(self, shop):
        payment_id = shop.sell()
        shop.change("payments", payment_id, captured_at=None)
        Payment.objects.update(fee_paise=200)

        shop.reconcile()

        assert breaks() == [("fee", "payment", "open", 34)]
        assert Payment.objects.get().fee_paise == 200

    def test_that_is_a_second_one_of_its_order_is_given_back_and_no_duplicate(self, shop):
        order = shop.order()
        shop.pay(order)
        second = shop.post(f"/orders/{order.gateway_order_id}/second-capture")

        shop.reconcile()
        shop.reconcile(later=timedelta(hours=3))

        assert {row[:3] for row in breaks()} == {("missing_here", "payment", "healed")}
        kept, returned = Payment.objects.order_by("given_back_paise")
        assert (kept.settles, kept.given_back_paise) == (True, 0)
        assert (returned.settles, returned.given_back_paise) == (False, 9900)
        assert second["id"] in {kept.gateway_payment_id, returned.gateway_payment_id}

    def test_that_is_a_second_one_and_was_not_given_back_is_a_duplicate(self, shop):
        order = shop.order()
        shop.pay(order)
        shop.post(f"/orders/{order.gateway_order_id}/second-capture")
        shop.reconcile()
        refunds.fail_refund(refund_id=Refund.objects.get().pk, why="test", now=clock.now())

        shop.reconcile(later=timedelta(hours=2))

        assert ("duplicate", "payment", "open", 9900) in breaks()
        duplicate = ReconciliationBreak.objects.get(kind="duplicate")
        assert Payment.objects.get(gateway_payment_id=duplicate.gateway_id).settles is False


class TestManyPayments:
    def test_cost_a_bounded_number_of_queries(self, shop, django_assert_max_num_queries):
        fees = {"fee": 234, "tax": 36}
        for number in range(300):
            self.sell_quickly(shop, number, fees)

        # Of which the circuit breaker has five for each call of the gateway.
        # Yesterday and today, also shortly before midnight.
        with django_assert_max_num_queries(80):
            tally = shop.reconcile(days=0)

        assert (tally.payments, tally.settled, tally.filled_in) == (300, 300, 300)
        assert breaks() == []

    def sell_quickly(self, shop, number, fees):
        receipt = f"nv_{number:032x}"
        order = shop.gateway.create_order(receipt=receipt, amount_paise=9900, notes={})
        payment_id = shop.sandbox.pay(order.id)["razorpay_payment_id"]
        now = clock.now()
        ours = Order.objects.create(
            pk=receipt.removeprefix("nv_"),
            buyer=shop.buyer,
            state="paid",
            gateway_order_id=order.id,
            subtotal_paise=9900,
            discount_paise=0,
            total_paise=9900,
            created_at=now,
            expires_at=now,
        )
        Payment.objects.create(
            order=ours,
            gateway_payment_id=payment_id,
            state="captured",
            amount_paise=9900,
            currency="INR",
            fee_paise=fees["fee"],
            tax_paise=fees["tax"],
            settles=True,
            created_at=now,
            captured_at=now,
        )
