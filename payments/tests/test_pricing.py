"""The arithmetic of a cart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.pricing import commission_bps, quote

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
