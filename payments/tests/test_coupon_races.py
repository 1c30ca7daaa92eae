"""Coupons that many want at once, on real transactions."""

from __future__ import annotations

import pytest

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from payments import checkout
from payments.models import Coupon, CouponUse, Order, OrderItem
from payments.settlement import settle_payment
from payments.tests.factories import make_coupon, make_order
from payments.tests.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

CODE = "LAST-ONE"


def buy(buyer, note, code=CODE):
    return checkout.start_checkout(
        buyer_id=buyer.pk, note_ids=[note.pk], coupon_code=code, now=clock.now()
    )


class TestAHundredBuyersOfTheLastUse:
    @pytest.mark.parametrize(
        ("price", "state"), [(9900, "awaiting_payment"), (5000, "paid")], ids=["dear", "free"]
    )
    def test_end_with_exactly_one_that_holds_it(self, seller, gateway, price, state):
        note = make_note(seller=seller, price_paise=price)
        make_coupon(CODE, flat_paise=5000, max_uses=5, uses=4)
        buyers = [make_user(f"buyer{number}") for number in range(100)]

        def try_to_buy(number):
            return "ordered" if buy(buyers[number], note).is_new else "resumed"

        results = at_once(try_to_buy, count=100)

        assert results == {"ordered": 1, "coupon_used_up": 99}
        order = Order.objects.get()
        assert (order.state, order.coupon_discount_paise) == (state, 5000)
        assert OrderItem.objects.count() == 1
        assert CouponUse.objects.get().order_id == order.pk
        assert Coupon.objects.get().uses == 5


class TestOneBuyerInManyTabs:
    def test_gets_one_use_for_as_many_carts(self, buyer, seller, gateway):
        make_coupon(CODE, max_uses=None, max_uses_per_user=1)
        notes = [make_note(seller=seller) for _ in range(30)]

        def try_to_buy(number):
            return "ordered" if buy(buyer, notes[number]).is_new else "resumed"

        results = at_once(try_to_buy, count=30)

        assert results == {"ordered": 1, "coupon_already_used": 29}
        assert (Order.objects.count(), OrderItem.objects.count()) == (1, 1)
        assert (CouponUse.objects.count(), Coupon.objects.get().uses) == (1, 1)

    def test_gets_one_order_for_one_cart(self, buyer, note, gateway):
        make_coupon(CODE, max_uses=1, max_uses_per_user=1)

        results = at_once(lambda _number: buy(buyer, note).order_id, count=30)

        assert list(results.values()) == [30]
        assert (CouponUse.objects.count(), Coupon.objects.get().uses) == (1, 1)

    def test_takes_a_free_order_once(self, buyer, note, gateway):
        make_coupon(CODE, flat_paise=9900, max_uses_per_user=None)

        results = at_once(lambda _number: bool(buy(buyer, note)), count=20)

        assert results == {True: 1, "note_already_owned": 19}
        assert (CouponUse.objects.count(), Coupon.objects.get().uses) == (1, 1)


class TestPaymentAndExpiry:
    def test_racing_count_the_use_once(self, buyer, note, gateway, now):
        make_coupon(CODE, max_uses=1)
        order = make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now)
        payment = gateway.pay(order.gateway_order_id)

        def act(number):
            if number % 2:
                checkout.expire_order(order_id=order.pk, now=order.expires_at)
            else:
                settle_payment(order_id=order.pk, payment=payment, source="race", now=now)
            return "done"

        assert at_once(act, count=20) == {"done": 20}

        coupon = Coupon.objects.get()
        assert (coupon.uses, coupon.late_uses) == (1, 0)
        assert CouponUse.objects.get().state == "spent"


class TestUsesGivenBackAndTakenAtOnce:
    def test_never_pass_the_limit_and_none_is_lost(self, seller, gateway, now):
        make_coupon(CODE, max_uses=3)
        note = make_note(seller=seller)
        buyers = [make_user(f"buyer{number}") for number in range(20)]

        def order_and_cancel(number):
            for _ in range(3):
                started = buy(buyers[number], note)
                assert Coupon.objects.get().uses <= 3
                checkout.cancel_order(
                    order_id=started.order_id, buyer_id=buyers[number].pk, now=now
                )
            return "done"

        results = at_once(order_and_cancel, count=20)

        assert set(results) <= {"done", "coupon_used_up"}
        assert Coupon.objects.get().uses == 0
        assert not CouponUse.objects.exclude(state="given_back").exists()
