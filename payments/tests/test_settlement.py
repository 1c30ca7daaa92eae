"""From captured money to access, whoever brings the news."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Alert
from notes.models import Note, NoteAccess
from notes.services import withdraw_note
from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments import checkout, refunds
from payments.models import Order, OrderMove, Payment, Refund
from payments.settlement import (
    PaymentMismatch,
    PaymentNotQuarantined,
    accept_quarantined,
    settle_payment,
)
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


def settle(order, payment, now, source="test"):
    settle_payment(order_id=order.pk, payment=payment, source=source, now=now)
    order.refresh_from_db()


def live_accesses(order):
    return NoteAccess.objects.filter(buyer=order.buyer_id, revoked_at=None).count()


class TestACapturedPayment:
    def test_grants_access_and_pays_the_order(self, order, note, gateway, now):
        settle(order, gateway.pay(order.gateway_order_id), now, source="verify")

        assert (order.state, order.paid_at) == ("paid", now)
        assert live_accesses(order) == 1
        assert list(order.moves.order_by("id").values_list("old", "new", "why")) == [
            ("created", "awaiting_payment", "the gateway's order exists"),
            ("awaiting_payment", "paid", "payment captured, told by verify"),
        ]
        item = order.items.get()
        assert (item.outcome, item.is_open) == ("granted", False)
        assert Note.objects.get(pk=note.pk).sales_count == 1

    def test_keeps_what_the_gateway_said(self, order, gateway, now):
        payment = replace(gateway.pay(order.gateway_order_id), fee_paise=234, tax_paise=36)

        settle(order, payment, now)

        row = Payment.objects.get()
        assert (row.state, row.settles, row.amount_paise) == ("captured", True, 9900)
        assert (row.method, row.fee_paise, row.tax_paise) == ("upi", 234, 36)
        assert row.captured_at == now

    def test_settled_again_changes_nothing(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        settle(order, payment, now, source="verify")

        settle(order, payment, now, source="webhook")

        assert live_accesses(order) == 1
        assert (Payment.objects.count(), Refund.objects.count()) == (1, 0)
        assert OrderMove.objects.count() == 2

    def test_is_not_undone_by_older_news(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        settle(order, payment, now)

        for status in ("authorized", "failed", "created"):
            settle(order, replace(payment, status=status, is_captured=False), now)

        assert order.state == "paid"
        assert Payment.objects.get().state == "captured"

    def test_comes_legally_after_it_failed(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        settle(order, replace(payment, status="failed", is_captured=False), now)
        settle(order, replace(payment, status="authorized", is_captured=False), now)
        assert order.state == "awaiting_payment"

        settle(order, payment, now)

        assert (order.state, live_accesses(order)) == ("paid", 1)

    def test_under_way_is_not_undone_by_an_older_failure(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id, status="authorized")
        settle(order, payment, now)

        settle(order, replace(payment, status="failed"), now)

        assert Payment.objects.get().state == "authorized"

    def test_of_another_order_is_refused(self, order, stranger, note, gateway, now):
        other = make_order(buyer=stranger, notes=[note], now=now)
        payment = gateway.pay(other.gateway_order_id)

        with pytest.raises(PaymentMismatch):
            settle(order, payment, now)

        assert Payment.objects.count() == 0
        assert NoteAccess.objects.count() == 0


class TestAMismatch:
    @pytest.mark.parametrize(
        "wrong", [{"amount_paise": 9899}, {"amount_paise": 990_000}, {"currency": "USD"}]
    )
    def test_is_quarantined_with_a_critical_alert(self, wrong, order, gateway, now):
        payment = replace(gateway.pay(order.gateway_order_id), **wrong)

        settle(order, payment, now)

        assert order.state == "awaiting_payment"
        assert live_accesses(order) == 0
        row = Payment.objects.get()
        assert (row.state, row.settles) == ("quarantined", False)
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.quarantined", "critical")


class TestMoneyThatCannotBeFulfilled:
    def test_a_second_capture_of_one_order_goes_back(self, order, gateway, now, run_jobs):
        settle(order, gateway.pay(order.gateway_order_id), now)
        second = gateway.pay(order.gateway_order_id)

        settle(order, second, now)
        run_jobs()

        order.refresh_from_db()
        assert (order.state, live_accesses(order)) == ("paid", 1)
        refund = Refund.objects.get()
        assert (refund.state, refund.amount_paise) == ("processed", 9900)
        assert refund.payment.gateway_payment_id == second.id
        assert refund.payment.state == "refunded"
        assert gateway.get_payment(second.id).refunded_paise == 9900

    def test_a_note_owned_already_goes_back(self, buyer, note, gateway, now, run_jobs):
        first = make_order(buyer=buyer, notes=[note], now=now)
        checkout.cancel_order(order_id=first.pk, buyer_id=buyer.pk, now=now)
        second = make_order(buyer=buyer, notes=[note], now=now)
        settle(second, gateway.pay(second.gateway_order_id), now)

        late = gateway.pay(first.gateway_order_id)
        settle(first, late, now)
        run_jobs()

        first.refresh_from_db()
        assert (first.state, first.items.get().outcome) == ("refunded", "given_back")
        assert gateway.get_payment(late.id).refunded_paise == 9900
        assert live_accesses(second) == 1

    def test_only_the_line_that_is_owned_goes_back(
        self, buyer, seller, note, gateway, now, run_jobs
    ):
        other = make_note(seller=seller, price_paise=4900)
        both = make_order(buyer=buyer, notes=[note, other], now=now)
        checkout.cancel_order(order_id=both.pk, buyer_id=buyer.pk, now=now)
        one = make_order(buyer=buyer, notes=[other], now=now)
        settle(one, gateway.pay(one.gateway_order_id), now)

        settle(both, gateway.pay(both.gateway_order_id), now)
        run_jobs()

        both.refresh_from_db()
        assert both.state == "partially_refunded"
        assert Refund.objects.get().amount_paise == 4900
        assert live_accesses(both) == 2

    def test_a_late_capture_is_fulfilled_while_the_note_is_for_sale(self, order, gateway, now):
        later = now + timedelta(hours=2)
        assert checkout.expire_order(order_id=order.pk, now=later)

        settle(order, gateway.pay(order.gateway_order_id), later)

        assert (order.state, live_accesses(order)) == ("paid", 1)

    def test_a_late_capture_goes_back_when_the_note_is_withdrawn(
        self, order, note, seller, gateway, now, run_jobs
    ):
        later = now + timedelta(hours=2)
        checkout.expire_order(order_id=order.pk, now=later)
        withdraw_note(note_id=note.pk, seller_id=seller.pk, now=later)

        settle(order, gateway.pay(order.gateway_order_id), later)
        run_jobs()

        order.refresh_from_db()
        assert (order.state, live_accesses(order)) == ("refunded", 0)

    def test_a_withdrawn_note_of_an_open_order_is_still_granted(
        self, order, note, seller, gateway, now
    ):
        withdraw_note(note_id=note.pk, seller_id=seller.pk, now=now)

        settle(order, gateway.pay(order.gateway_order_id), now)

        assert (order.state, live_accesses(order)) == ("paid", 1)

    def test_money_given_back_by_the_gateway_itself_buys_nothing(self, order, gateway, now):
        payment = replace(gateway.pay(order.gateway_order_id), status="refunded")

        settle(order, payment, now)

        assert (order.state, live_accesses(order)) == ("failed", 0)
        assert Payment.objects.get().state == "refunded"
        assert not order.items.get().is_open

    def test_what_was_given_back_elsewhere_is_not_given_back_again(
        self, order, gateway, now, run_jobs
    ):
        settle(order, gateway.pay(order.gateway_order_id), now)
        second = gateway.pay(order.gateway_order_id)
        gateway.refund_payment(second.id, amount_paise=4000, idempotency_key="dashboard-1")

        settle(order, gateway.get_payment(second.id), now)
        run_jobs()

        assert sorted(refund.amount_paise for refund in Refund.objects.all()) == [4000, 5900]
        assert Payment.objects.get(gateway_payment_id=second.id).given_back_paise == 9900
        assert gateway.get_payment(second.id).refunded_paise == 9900


class TestAnotherOpenOrderOfTheSameNote:
    def test_is_closed_once_the_note_is_bought(self, buyer, note, gateway, now, run_jobs):
        first = make_order(buyer=buyer, notes=[note], now=now)
        later = now + timedelta(minutes=31)
        second = make_order(buyer=buyer, notes=[note], now=later)

        settle(first, gateway.pay(first.gateway_order_id), later)
        run_jobs()

        second.refresh_from_db()
        assert (first.state, second.state) == ("paid", "cancelled")
        assert second.moves.latest("id").why == "a note of it was bought otherwise"


class TestMoneyForAnotherOrder:
    def test_that_nobody_knows_goes_into_quarantine(self, order, gateway, now):
        payment = replace(gateway.pay(order.gateway_order_id), order_id="order_ZZZZZZZZZZZZZZ")

        settle(order, payment, now)

        assert (order.state, live_accesses(order)) == ("awaiting_payment", 0)
        assert Payment.objects.get().state == "quarantined"
        alert = Alert.objects.get()
        assert (alert.kind, alert.severity) == ("payments.quarantined", "critical")
        assert "order_ZZZZZZZZZZZZZZ" in alert.message


class TestAQuarantinedPayment:
    @pytest.fixture
    def payment(self, order, gateway, now):
        settle(order, gateway.pay(order.gateway_order_id, amount_paise=9800), now)
        return Payment.objects.get()

    def test_is_fulfilled_when_staff_accept_it(self, payment, order, moderator, now):
        accept_quarantined(payment_id=payment.pk, actor_id=moderator.pk, now=now)

        order.refresh_from_db()
        assert (order.state, live_accesses(order)) == ("paid", 1)
        assert payment.moves.latest("id").actor_id == moderator.pk
        assert Alert.objects.get().state == "resolved"

    def test_goes_back_whole_when_staff_say_so(
        self, payment, order, moderator, gateway, now, run_jobs
    ):
        refunds.give_back_rest(payment_id=payment.pk, actor_id=moderator.pk, now=now)
        run_jobs()

        payment.refresh_from_db()
        order.refresh_from_db()
        assert (payment.state, order.state) == ("refunded", "failed")
        assert gateway.get_payment(payment.gateway_payment_id).refunded_paise == 9800
        assert Alert.objects.get().state == "resolved"

    def test_is_decided_once(self, payment, moderator, gateway, now):
        refunds.give_back_rest(payment_id=payment.pk, actor_id=moderator.pk, now=now)

        with pytest.raises(PaymentNotQuarantined):
            accept_quarantined(payment_id=payment.pk, actor_id=moderator.pk, now=now)
        with pytest.raises(refunds.NothingToGiveBack):
            refunds.give_back_rest(payment_id=payment.pk, actor_id=moderator.pk, now=now)

        assert Refund.objects.count() == 1


class TestAnyOrderOfNews:
    """Whatever comes first, twice or late: a captured payment ends in one access."""

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from(["authorized", "failed", "captured"]), min_size=1, max_size=7))
    def test_ends_in_what_the_money_implies(self, gateway, now, news):
        seller = make_user(f"seller{Order.objects.count()}", is_seller=True)
        buyer = make_user(f"buyer{Order.objects.count()}")
        order = make_order(buyer=buyer, notes=[make_note(seller=seller)], now=now)
        payment = gateway.pay(order.gateway_order_id)

        for status in news:
            settle(order, replace(payment, status=status, is_captured=status == "captured"), now)

        paid = "captured" in news
        assert order.state == ("paid" if paid else "awaiting_payment")
        assert live_accesses(order) == (1 if paid else 0)
        assert Payment.objects.filter(order=order).count() == 1


class TestCost:
    def test_does_not_grow_with_the_lines(self, buyer, gateway, now, django_assert_max_num_queries):
        sellers = [make_user(f"seller{number}", is_seller=True) for number in range(10)]
        notes = [make_note(seller=seller) for seller in sellers]
        order = make_order(buyer=buyer, notes=notes, now=now)
        payment = gateway.pay(order.gateway_order_id)

        with django_assert_max_num_queries(25):
            settle(order, payment, now)

        assert live_accesses(order) == 10
