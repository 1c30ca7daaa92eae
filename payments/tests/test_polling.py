"""What the gateway is asked, when, and that held money is taken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from notes.models import NoteAccess
from payments import polling, selectors
from payments.gateways.base import GatewayRejected, GatewayUnavailable
from payments.models import Order, Payment
from payments.settlement import settle_payment
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(buyer, note, gateway, now):
    return make_order(buyer=buyer, notes=[note], now=now)


def ask(order, now):
    decided = polling.ask_for_order(order_id=order.pk, now=now)
    order.refresh_from_db()
    return decided


class TestWhenToAsk:
    def test_begins_a_minute_after_checkout(self, order, now):
        assert order.ask_at == now + timedelta(minutes=1)

    def test_comes_ever_more_rarely_and_ends_seven_days_after_expiry(self, order, now):
        asked = [order.ask_at]
        while order.ask_at is not None:
            ask(order, order.ask_at)
            asked.append(order.ask_at)

        pauses = [later - earlier for earlier, later in pairwise(asked[:-1])]
        assert pauses == sorted(pauses)
        assert pauses[-1] > timedelta(days=1)
        assert now + timedelta(days=5) < asked[-2] <= order.expires_at + timedelta(days=7)
        assert len(asked) < 30

    def test_is_soon_again_when_the_gateway_is_silent(self, order, gateway, now):
        gateway.is_down = True
        later = now + timedelta(days=2)

        with pytest.raises(GatewayUnavailable):
            ask(order, later)

        order.refresh_from_db()
        assert order.ask_at == later

    def test_moves_on_when_the_gateway_refuses(self, order, gateway, now):
        Order.objects.update(gateway_order_id="order_AAAAAAAAAAAAAA")

        with pytest.raises(GatewayRejected):
            ask(order, now + timedelta(days=2))

        order.refresh_from_db()
        assert order.ask_at == now + timedelta(days=3)


class TestAskForOrder:
    def test_finds_the_payment_of_which_nobody_told(self, order, gateway, now):
        gateway.pay(order.gateway_order_id)

        assert ask(order, now)

        assert order.state == "paid"
        assert NoteAccess.objects.count() == 1

    def test_takes_what_is_held(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id, status="authorized")

        assert ask(order, now)

        assert order.state == "paid"
        assert gateway.get_payment(payment.id).status == "captured"

    def test_takes_it_for_an_expired_order_as_well(self, order, gateway, now):
        Order.objects.update(state="expired")
        gateway.pay(order.gateway_order_id, status="authorized")

        ask(order, now + timedelta(hours=3))

        assert order.state == "paid"

    def test_leaves_a_second_one_of_a_paid_order_to_the_gateway(self, order, gateway, now):
        gateway.pay(order.gateway_order_id)
        second = gateway.pay(order.gateway_order_id, status="authorized")

        assert ask(order, now)

        assert gateway.get_payment(second.id).status == "authorized"
        assert Payment.objects.filter(settles=True).count() == 1

    def test_is_undecided_while_the_bank_is(self, order, gateway, now):
        gateway.pay(order.gateway_order_id, status="created")

        assert not ask(order, now)

    def test_does_not_wait_for_an_attempt_that_was_given_up_with_its_order(
        self, order, gateway, buyer, now
    ):
        gateway.pay(order.gateway_order_id, status="created")
        ask(order, now)
        Order.objects.update(state="expired")

        assert ask(order, now + timedelta(hours=1))

        shown = selectors.get_order(order_id=order.pk, buyer_id=buyer.pk)
        assert shown["next_action"] is None

    def test_leaves_held_money_alone_that_the_order_did_not_ask_for(self, order, gateway, now):
        held = gateway.pay(order.gateway_order_id, status="authorized", amount_paise=5000)

        ask(order, now)

        assert gateway.get_payment(held.id).status == "authorized"
        assert NoteAccess.objects.count() == 0

    def test_stays_undecided_when_the_money_cannot_be_taken(self, order, gateway, now, monkeypatch):
        payment = gateway.pay(order.gateway_order_id, status="authorized")

        def refuse(*_args, **_options):
            raise GatewayRejected("not now")

        monkeypatch.setattr(gateway, "capture_payment", refuse)

        assert not ask(order, now)

        assert Payment.objects.get(gateway_payment_id=payment.id).state == "authorized"
        assert order.state == "awaiting_payment"

    def test_hears_of_a_refund_whose_event_was_lost(self, order, gateway, now, run_jobs):
        payment = gateway.pay(order.gateway_order_id)
        ask(order, now)
        gateway.refund_payment(payment.id, amount_paise=9900, idempotency_key="by-hand-0001")
        gateway._keys.clear()
        made = gateway._refunds.popitem()[1]
        gateway._refunds[made.id] = replace(made, receipt="")

        ask(order, now)
        run_jobs()

        order.refresh_from_db()
        assert order.state == "refunded"
        assert NoteAccess.objects.get().revoked_at is not None


class TestCaptureHeld:
    def test_takes_what_is_still_held(self, order, gateway, now):
        held = gateway.pay(order.gateway_order_id, status="authorized")
        settle_payment(order_id=order.pk, payment=held, source="test", now=now)

        assert polling.capture_held(order_id=order.pk, now=now)

        assert gateway.get_payment(held.id).status == "captured"

    def test_asks_nobody_when_it_was_taken_meanwhile(self, order, gateway, now):
        paid = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=paid, source="test", now=now)
        gateway.is_down = True

        assert polling.capture_held(order_id=order.pk, now=now)
