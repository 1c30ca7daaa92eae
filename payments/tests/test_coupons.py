"""Coupons: what refuses them, and the use that an order holds until its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from notes.models import NoteAccess
from notes.tests.factories import make_category, make_note
from notevault.accounts.tests.factories import make_user
from payments import cart, checkout, coupons
from payments.models import Coupon, CouponUse, Order, OrderItem
from payments.settlement import accept_quarantined, settle_payment
from payments.tests.factories import make_coupon, make_order

pytestmark = pytest.mark.django_db

CODE = "DIWALI-10"
LATER = timedelta(minutes=31)


def quote(buyer, notes, now, code=CODE):
    return cart.quote_cart(
        buyer_id=buyer.pk, note_ids=[note.pk for note in notes], coupon_code=code, now=now
    )


def settle(order, payment, now):
    settle_payment(order_id=order.pk, payment=payment, source="test", now=now)


def uses_of(coupon):
    """Counted in time, counted past the limit, and the states of those that there are."""
    coupon.refresh_from_db()
    states = CouponUse.objects.filter(coupon=coupon).order_by("pk").values_list("state", flat=True)
    return coupon.uses, coupon.late_uses, list(states)


@pytest.fixture
def coupon():
    return make_coupon(CODE, max_uses=1)


@pytest.fixture
def order(buyer, note, coupon, gateway, now):
    return make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now)


class TestACouponThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"code": "OTHER"}, coupons.CouponNotFound),
            ({"is_active": False}, coupons.CouponNotFound),
            ({"valid_from": timedelta(seconds=1)}, coupons.CouponNotFound),
            ({"valid_until": timedelta(0)}, coupons.CouponExpired),
            ({"valid_until": timedelta(0), "is_active": False}, coupons.CouponNotFound),
            ({"max_uses": 3, "uses": 3}, coupons.CouponUsedUp),
            ({"min_order_paise": 9901}, coupons.CouponMinimumNotMet),
        ],
    )
    def test_is_refused_with_its_reason(self, buyer, note, gateway, now, fields, refusal):
        times = {k: now + v for k, v in fields.items() if isinstance(v, timedelta)}
        coupon = make_coupon(**{"code": CODE, **fields, **times})
        before = uses_of(coupon)

        with pytest.raises(refusal):
            quote(buyer, [note], now)
        with pytest.raises(refusal):
            make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now)

        assert (Order.objects.count(), uses_of(coupon)) == (0, before)

    def test_works_from_its_first_moment_to_its_last(self, buyer, note, now):
        make_coupon(CODE, valid_from=now, valid_until=now + timedelta(seconds=1))

        assert quote(buyer, [note], now).quote.total_paise == 8910

    def test_says_how_much_is_missing_to_its_minimum(self, buyer, note, now):
        make_coupon(CODE, min_order_paise=50_000)

        with pytest.raises(coupons.CouponMinimumNotMet) as refusal:
            quote(buyer, [note], now)

        assert refusal.value.detail == (
            "This coupon is for orders from ₹500.00: add notes for ₹401.00 more."
        )
        assert refusal.value.params == {"min_order_paise": 50_000, "missing_paise": 40_100}

    def test_asks_its_minimum_of_list_prices(self, buyer, seller, now):
        notes = [make_note(seller=seller, price_paise=10_000) for _ in range(3)]
        make_coupon(CODE, min_order_paise=30_000)

        assert quote(buyer, notes, now).quote.bulk_discount_paise == 1500

    def test_that_takes_nothing_off_is_not_lost_for_it(self, buyer, seller, now):
        make_coupon(CODE)
        worth_a_rupee = make_note(seller=seller, price_paise=100)
        free = make_note(seller=seller, price_paise=0)

        with pytest.raises(coupons.CouponNotForTheseNotes):
            quote(buyer, [worth_a_rupee, free], now)


class TestScope:
    @pytest.fixture
    def others(self, stranger):
        """A note of another seller in another category."""
        return make_note(seller=stranger, category=make_category("physics"))

    @pytest.mark.parametrize("scope", ["category", "seller", "note"])
    def test_makes_its_lines_cheaper_and_no_others(self, buyer, note, others, now, scope):
        target = note if scope == "note" else getattr(note, scope)
        make_coupon(CODE, scope=scope, **{scope: target})

        priced = quote(buyer, [note, others], now)

        paid = {
            sold.pk: line.paid_paise
            for sold, line in zip(priced.notes, priced.quote.lines, strict=True)
        }
        assert paid == {note.pk: 8910, others.pk: 9900}

    @pytest.mark.parametrize("scope", ["category", "seller", "note"])
    def test_refuses_a_cart_without_any_of_them(self, buyer, note, others, now, scope):
        target = note if scope == "note" else getattr(note, scope)
        make_coupon(CODE, scope=scope, **{scope: target})

        with pytest.raises(coupons.CouponNotForTheseNotes):
            quote(buyer, [others], now)


class TestAnOrderWithACoupon:
    def test_is_cheaper_and_holds_a_use(self, order, coupon, now):
        item = order.items.get()
        use = CouponUse.objects.get()

        assert (order.discount_paise, order.coupon_discount_paise) == (990, 990)
        assert (order.total_paise, order.coupon_id) == (8910, coupon.pk)
        assert (item.discount_paise, item.coupon_discount_paise, item.paid_paise) == (
            990,
            990,
            8910,
        )
        assert (item.commission_paise, item.seller_share_paise) == (1337, 7573)
        assert (use.order_id, use.buyer_id, use.reserved_at) == (order.pk, order.buyer_id, now)
        assert uses_of(coupon) == (1, 0, ["reserved"])

    def test_is_resumed_by_the_same_cart_and_coupon(self, order, buyer, note, coupon, now):
        again = make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now)

        assert (again.pk, uses_of(coupon)) == (order.pk, (1, 0, ["reserved"]))

    @pytest.mark.parametrize("code", [None, "ANOTHER"])
    def test_is_in_the_way_of_the_same_cart_without_it(self, order, buyer, note, now, code):
        another = make_coupon("ANOTHER")

        with pytest.raises(checkout.NoteInOpenOrder) as refusal:
            make_order(buyer=buyer, notes=[note], coupon_code=code, now=now)

        assert refusal.value.params == {"order_id": str(order.pk)}
        assert (Order.objects.count(), uses_of(another)) == (1, (0, 0, []))

    def test_keeps_its_buyer_from_another_use(self, order, buyer, seller, coupon, now):
        Coupon.objects.update(max_uses=None)

        with pytest.raises(coupons.CouponAlreadyUsed):
            make_order(buyer=buyer, notes=[make_note(seller=seller)], coupon_code=CODE, now=now)

        assert (Order.objects.count(), uses_of(coupon)) == (1, (1, 0, ["reserved"]))

    def test_keeps_everybody_from_the_last_use(self, order, stranger, note, coupon, now):
        with pytest.raises(coupons.CouponUsedUp):
            make_order(buyer=stranger, notes=[note], coupon_code=CODE, now=now)

        assert (Order.objects.count(), OrderItem.objects.count()) == (1, 1)
        assert uses_of(coupon) == (1, 0, ["reserved"])

    def test_that_was_priced_at_other_terms_is_refused(self, buyer, note, coupon, gateway, now):
        Coupon.objects.update(percent=20)
        made = make_order(buyer=buyer, notes=[note], now=now)

        with pytest.raises(coupons.CouponChanged):
            coupons.reserve(coupon=coupon, order=made, now=now)

        assert uses_of(coupon) == (0, 0, [])

    def test_costs_at_most_five_queries_more(
        self, buyer, seller, coupon, gateway, now, django_assert_max_num_queries
    ):
        notes = [make_note(seller=seller) for _ in range(10)]

        with django_assert_max_num_queries(22 + 5):
            make_order(buyer=buyer, notes=notes, coupon_code=CODE, now=now)


class TestAnOrderThatACouponMakesFree:
    def test_is_fulfilled_at_once_and_spends_it(self, buyer, note, gateway, now):
        gateway.is_down = True
        coupon = make_coupon(CODE, percent=100, max_discount_paise=20_000)

        order = make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now)

        assert (order.state, order.total_paise, order.gateway_order_id) == ("paid", 0, None)
        assert NoteAccess.objects.filter(buyer=buyer, note=note).count() == 1
        assert uses_of(coupon) == (1, 0, ["spent"])


class TestAnOrderThatIsClosedUnpaid:
    def test_gives_its_use_back_when_it_expires(self, order, stranger, note, coupon, now):
        checkout.expire_order(order_id=order.pk, now=now + LATER)

        assert uses_of(coupon) == (0, 0, ["given_back"])
        make_order(buyer=stranger, notes=[note], coupon_code=CODE, now=now)
        assert uses_of(coupon) == (1, 0, ["given_back", "reserved"])

    def test_gives_its_use_back_once_when_it_is_cancelled_twice(self, order, buyer, coupon, now):
        for _ in range(2):
            checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)

        assert uses_of(coupon) == (0, 0, ["given_back"])
        assert CouponUse.objects.get().given_back_at == now

    def test_gives_its_use_back_when_its_payment_came_and_went(self, order, coupon, gateway, now):
        paid = gateway.pay(order.gateway_order_id, status="refunded")

        settle(order, paid, now)

        order.refresh_from_db()
        assert (order.state, uses_of(coupon)) == ("failed", (0, 0, ["given_back"]))

    def test_does_not_hold_its_buyer_up_until_it_is_swept(self, order, buyer, seller, coupon, now):
        other = make_note(seller=seller)

        make_order(buyer=buyer, notes=[other], coupon_code=CODE, now=now + LATER)

        order.refresh_from_db()
        assert (order.state, uses_of(coupon)) == ("expired", (1, 0, ["given_back", "reserved"]))


class TestAnOrderThatIsPaid:
    def test_spends_its_use_once_however_often_it_is_told(self, order, coupon, gateway, now):
        payment = gateway.pay(order.gateway_order_id)

        for _ in range(3):
            settle(order, payment, now)
        settle(order, gateway.pay(order.gateway_order_id), now)

        assert uses_of(coupon) == (1, 0, ["spent"])
        assert CouponUse.objects.get().spent_at == now

    def test_spends_it_when_staff_accept_its_payment(self, order, coupon, gateway, now, buyer):
        Order.objects.update(total_paise=8900, discount_paise=1000)
        settle(order, gateway.pay(order.gateway_order_id), now)
        assert uses_of(coupon) == (1, 0, ["reserved"])

        payment = order.payments.get()
        accept_quarantined(payment_id=payment.pk, actor_id=buyer.pk, now=now)

        assert uses_of(coupon) == (1, 0, ["spent"])

    def test_gives_it_back_when_it_bought_nothing(self, order, buyer, note, coupon, gateway, now):
        NoteAccess.objects.create(note=note, buyer=buyer, reference=order.pk, granted_at=now)

        settle(order, gateway.pay(order.gateway_order_id), now)

        assert order.items.get().outcome == "given_back"
        assert uses_of(coupon) == (0, 0, ["given_back"])

    @pytest.mark.parametrize(("with_coupon", "late"), [(True, False), (True, True), (False, True)])
    def test_costs_at_most_two_queries_more(
        self, buyer, stranger, note, coupon, gateway, now, with_coupon, late
    ):
        code = CODE if with_coupon else None
        self._settled(make_user("first"), note, None, gateway, now, late)  # opens the accounts

        plain = self._settled(stranger, note, None, gateway, now, late)
        measured = self._settled(buyer, note, code, gateway, now, late)

        assert measured - plain == ((2 if late else 1) if with_coupon else 0)

    def _settled(self, buyer, note, code, gateway, now, late):
        order = make_order(buyer=buyer, notes=[note], coupon_code=code, now=now)
        if late:
            checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)
        payment = gateway.pay(order.gateway_order_id)
        with CaptureQueriesContext(connection) as captured:
            settle(order, payment, now)
        return len(captured)


class TestMoneyThatComesAfterTheUseWasGivenBack:
    @pytest.fixture
    def late(self, order, now):
        checkout.expire_order(order_id=order.pk, now=now + LATER)
        return order

    def test_spends_it_again_at_the_price_that_was_asked(self, late, coupon, gateway, now):
        settle(late, gateway.pay(late.gateway_order_id), now + LATER)

        late.refresh_from_db()
        assert (late.state, late.total_paise) == ("paid", 8910)
        assert uses_of(coupon) == (1, 0, ["spent"])
        use = CouponUse.objects.get()
        assert (use.given_back_at, use.spent_at) == (now + LATER, now + LATER)

    def test_spends_it_past_the_limit_when_another_has_it(
        self, late, stranger, note, coupon, gateway, now
    ):
        make_order(buyer=stranger, notes=[note], coupon_code=CODE, now=now + LATER)

        for _ in range(2):
            settle(late, gateway.pay(late.gateway_order_id), now + LATER)

        late.refresh_from_db()
        assert (late.state, uses_of(coupon)) == ("paid", (1, 1, ["spent", "reserved"]))

    def test_spends_nothing_when_it_buys_nothing(self, late, buyer, note, coupon, gateway, now):
        second = make_order(buyer=buyer, notes=[note], coupon_code=CODE, now=now + LATER)
        settle(second, gateway.pay(second.gateway_order_id), now + LATER)

        settle(late, gateway.pay(late.gateway_order_id), now + LATER)

        assert uses_of(coupon) == (1, 0, ["given_back", "spent"])


class TestTheDatabase:
    """Whatever code does, these rows are never."""

    @pytest.mark.parametrize(
        ("fields", "constraint"),
        [
            ({"code": "diwali"}, "coupon_code_well_formed"),
            ({"code": "ABC"}, "coupon_code_well_formed"),
            ({"code": "ABCD\n"}, "coupon_code_well_formed"),
            ({"percent": 10, "flat_paise": 5}, "coupon_is_percent_or_flat"),
            ({"max_discount_paise": None}, "coupon_is_percent_or_flat"),
            ({"percent": None, "max_discount_paise": None}, "coupon_is_percent_or_flat"),
            ({"percent": 0}, "coupon_percent_in_range"),
            ({"percent": 101}, "coupon_percent_in_range"),
            ({"flat_paise": 0}, "coupon_takes_something_off"),
            ({"max_discount_paise": 0}, "coupon_takes_something_off"),
            ({"scope": "seller"}, "coupon_scope_has_its_target"),
            ({"scope": "other"}, "coupon_scope_has_its_target"),
            ({"max_uses": 0}, "coupon_limits_allow_one_use"),
            ({"max_uses_per_user": 0}, "coupon_limits_allow_one_use"),
            ({"max_uses": 1, "uses": 2}, "coupon_uses_within_limit"),
        ],
    )
    def test_refuses_a_coupon_that_is_not_one(self, fields, constraint):
        with pytest.raises(IntegrityError, match=constraint):
            make_coupon(**{"code": CODE, **fields})

    def test_refuses_a_coupon_of_two_targets_or_of_the_wrong_one(self, seller):
        category = make_category()
        with pytest.raises(IntegrityError, match="coupon_scope_has_its_target"):
            make_coupon(CODE, scope="category", category=category, seller=seller)

    def test_refuses_a_target_of_a_coupon_for_all(self, seller):
        with pytest.raises(IntegrityError, match="coupon_scope_has_its_target"):
            make_coupon(CODE, seller=seller)

    def test_refuses_an_end_before_the_beginning(self, now):
        with pytest.raises(IntegrityError, match="coupon_ends_after_it_begins"):
            make_coupon(CODE, valid_from=now, valid_until=now)

    def test_refuses_a_second_use_of_one_order(self, order, coupon, now):
        with pytest.raises(IntegrityError, match="order_id"):
            CouponUse.objects.create(
                coupon=coupon, order=order, buyer_id=order.buyer_id, reserved_at=now
            )

    def test_refuses_a_spent_use_without_its_time(self, order):
        with pytest.raises(IntegrityError, match="coupon_use_has_its_times"):
            CouponUse.objects.update(state="spent")

    @pytest.mark.parametrize("part", [0, 991])
    def test_refuses_an_order_whose_coupon_is_not_part_of_its_discount(self, order, part):
        with pytest.raises(IntegrityError, match="order_coupon_takes_part_of_the_discount"):
            Order.objects.update(coupon_discount_paise=part)

    def test_refuses_a_coupon_s_discount_without_a_coupon(self, order):
        with pytest.raises(IntegrityError, match="order_coupon_takes_part_of_the_discount"):
            Order.objects.update(coupon=None)

    def test_refuses_a_line_whose_coupon_takes_more_than_its_discount(self, order):
        with pytest.raises(IntegrityError, match="item_coupon_takes_part_of_the_discount"):
            OrderItem.objects.update(coupon_discount_paise=991)
