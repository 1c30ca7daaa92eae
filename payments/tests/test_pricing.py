"""The arithmetic of a cart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.pricing import Rebate, commission_bps, quote

PRICES = st.one_of(st.just(0), st.integers(100, 1_000_000))


class TestCommission:
    @pytest.mark.parametrize(
        ("pages", "bps"), [(1, 1500), (50, 1500), (51, 1200), (150, 1200), (151, 1000), (500, 1000)]
    )
    def test_falls_with_pages(self, pages, bps):
        assert commission_bps(pages) == bps


class TestQuote:
    def test_of_one_note_has_no_discount(self):
        priced = quote([(9900, 12)])

        line = priced.lines[0]
        assert (priced.subtotal_paise, priced.discount_paise, priced.total_paise) == (9900, 0, 9900)
        assert (line.commission_paise, line.seller_share_paise) == (1485, 8415)

    @pytest.mark.parametrize(
        ("count", "discount"), [(1, 0), (2, 0), (3, 1500), (4, 2000), (5, 5000), (10, 15000)]
    )
    def test_discounts_in_bulk(self, count, discount):
        assert quote([(10_000, 10)] * count).discount_paise == discount

    def test_of_free_notes_is_free(self):
        assert quote([(0, 10)] * 3).total_paise == 0

    def test_never_falls_below_one_rupee(self):
        assert quote([(100, 10), (0, 10), (0, 10)]).total_paise == 100

    @given(st.lists(st.tuples(PRICES, st.integers(1, 500)), min_size=1, max_size=50))
    def test_adds_up_to_the_paisa(self, cart):
        priced = quote(cart)

        lines = priced.lines
        assert sum(line.paid_paise for line in lines) == priced.total_paise
        assert sum(line.discount_paise for line in lines) == priced.discount_paise
        assert priced.total_paise == 0 or priced.total_paise >= 100
        for line, (price, _) in zip(lines, cart, strict=True):
            assert line.price_paise == price
            assert 0 <= line.discount_paise <= price
            assert line.paid_paise == 0 or line.paid_paise >= 100
            assert line.commission_paise + line.seller_share_paise == line.paid_paise
            assert 0 <= line.commission_paise <= line.paid_paise


def paid(cart, **terms):
    return [line.paid_paise for line in quote(cart, rebate(cart, **terms)).lines]


def rebate(cart, *, bps=10_000, at_most=10_000_000, covers=None):
    return Rebate(covers or (True,) * len(cart), bps, at_most)


def notes(*prices):
    return [(price, 10) for price in prices]


class TestACouponThatTakesAPercentage:
    @pytest.mark.parametrize(
        ("prices", "percent", "left"),
        [
            ([9900], 10, [8910]),
            ([9999], 15, [8499]),  # 1499.85 is rounded to 1500
            ([10_000, 20_000], 10, [9000, 18_000]),
            ([9900], 1, [9801]),
            ([9900], 99, [100]),  # 9801, but no line costs less than a rupee
            ([9900], 100, [0]),
            ([9900, 0], 100, [0, 0]),
            ([100], 50, [100]),
            ([100, 10_000], 10, [100, 8990]),  # the cheap line's share is given by the other
            ([10_000] * 3, 10, [8550] * 3),  # 5 % in bulk first, then the coupon
        ],
    )
    def test_leaves_each_line_its_part(self, prices, percent, left):
        assert paid(notes(*prices), bps=percent * 100) == left

    @pytest.mark.parametrize(("cap", "left"), [(1, 9899), (989, 8911), (990, 8910), (9900, 8910)])
    def test_takes_no_more_than_its_cap(self, cap, left):
        assert paid(notes(9900), bps=1000, at_most=cap) == [left]

    def test_takes_all_only_if_the_cap_lets_it(self):
        cart = notes(9900, 9900)

        assert paid(cart, at_most=19_800) == [0, 0]
        assert paid(cart, at_most=19_799) == [100, 100]


class TestACouponOfAFlatAmount:
    @pytest.mark.parametrize(
        ("prices", "amount", "left"),
        [
            ([9900], 5000, [4900]),
            ([9900], 9899, [100]),
            ([9900], 9900, [0]),
            ([9900], 50_000, [0]),
            ([10_000, 20_000], 3000, [9000, 18_000]),
            ([3333, 3333], 1001, [2832, 2833]),
            ([100, 10_000], 5000, [100, 5000]),
            ([100, 100, 10_000], 9600, [100, 100, 100]),  # of 9700 after the bulk 9400 can go
        ],
    )
    def test_is_taken_whole_as_long_as_the_lines_have_it(self, prices, amount, left):
        assert paid(notes(*prices), at_most=amount) == left


class TestACouponForSomeOfTheLines:
    def test_leaves_the_others_as_they_are(self):
        cart = notes(10_000, 20_000)

        assert paid(cart, bps=1000, covers=(False, True)) == [10_000, 18_000]
        assert paid(cart, covers=(True, False)) == [0, 20_000]
        assert paid(cart, at_most=50_000, covers=(True, False)) == [0, 20_000]

    def test_shows_its_part_of_the_discount_beside_the_bulk_s(self):
        cart = notes(10_000, 10_000, 10_000)

        priced = quote(cart, rebate(cart, at_most=1000, covers=(True, False, False)))

        assert (priced.bulk_discount_paise, priced.coupon_discount_paise) == (1500, 1000)
        assert (priced.discount_paise, priced.total_paise) == (2500, 27_500)
        first = priced.lines[0]
        assert (first.bulk_discount_paise, first.coupon_discount_paise) == (500, 1000)
        assert (first.paid_paise, first.commission_paise, first.seller_share_paise) == (
            8500,
            1275,
            7225,
        )


LINES = st.lists(st.tuples(PRICES, st.integers(1, 500), st.booleans()), min_size=1, max_size=50)
PERCENT = st.integers(1, 100)
AMOUNT = st.integers(1, 3_000_000)


class TestAnyCoupon:
    @given(LINES, PERCENT, AMOUNT)
    def test_adds_up_to_the_paisa_and_never_raises_a_price(self, lines, percent, cap):
        cart = [(price, pages) for price, pages, _ in lines]
        covers = tuple(covered for *_, covered in lines)

        without, priced = quote(cart), quote(cart, Rebate(covers, percent * 100, cap))

        assert priced.subtotal_paise - priced.discount_paise == priced.total_paise
        assert sum(line.paid_paise for line in priced.lines) == priced.total_paise
        assert sum(line.discount_paise for line in priced.lines) == priced.discount_paise
        assert (
            sum(line.coupon_discount_paise for line in priced.lines)
            == priced.coupon_discount_paise
            <= cap
        )
        assert priced.bulk_discount_paise == without.discount_paise
        for before, line, is_covered in zip(without.lines, priced.lines, covers, strict=True):
            assert line.commission_paise + line.seller_share_paise == line.paid_paise
            assert line.paid_paise == 0 or line.paid_paise >= 100
            assert line.price_paise - line.discount_paise == line.paid_paise
            assert 0 <= line.paid_paise <= before.paid_paise
            assert is_covered or line == before

    @given(LINES, PERCENT, AMOUNT, st.integers(0, 99), st.integers(0, 1_000_000))
    def test_takes_off_no_less_when_it_promises_more(self, lines, percent, cap, more, higher):
        cart = [(price, pages) for price, pages, _ in lines]
        covers = tuple(covered for *_, covered in lines)

        small = quote(cart, Rebate(covers, percent * 100, cap))
        large = quote(cart, Rebate(covers, min(100, percent + more) * 100, cap + higher))

        assert large.total_paise <= small.total_paise

    @given(LINES, PERCENT, AMOUNT)
    def test_takes_off_exactly_what_it_promises_if_each_line_keeps_a_rupee(
        self, lines, percent, cap
    ):
        cart = [(price, pages) for price, pages, _ in lines]
        covers = tuple(covered for *_, covered in lines)
        left = [
            line.paid_paise
            for line, covered in zip(quote(cart).lines, covers, strict=True)
            if covered
        ]
        promised = min(cap, (sum(left) * percent * 2 + 100) // 200)

        taken = quote(cart, Rebate(covers, percent * 100, cap)).coupon_discount_paise

        room = sum(max(0, paise - 100) for paise in left)
        assert taken == (sum(left) if promised == sum(left) else min(promised, room))
