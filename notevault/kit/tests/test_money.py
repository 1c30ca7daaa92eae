"""Paise are whole, and none is lost or made by rounding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notevault.kit import money

AMOUNTS = st.integers(min_value=0, max_value=10**12)
WEIGHTS = st.lists(st.integers(min_value=0, max_value=10**9), min_size=1, max_size=60)


class TestPercentOf:
    @pytest.mark.parametrize(
        ("amount_paise", "bps", "share"),
        [
            (9900, 1500, 1485),
            (9900, 0, 0),
            (9900, 10_000, 9900),
            (0, 1500, 0),
            (1, 4999, 0),
            (1, 5000, 1),  # half a paisa goes up
            (3, 5000, 2),
            (10, 1500, 2),  # 1.5
            (10, 1449, 1),
            (3, 1500, 0),  # 0.45
            (1_000_000, 1, 100),
            (10**15 + 1, 5000, 5 * 10**14 + 1),  # where a float would be off
        ],
    )
    def test_rounds_half_up_to_a_paisa(self, amount_paise, bps, share):
        assert money.percent_of(amount_paise, bps=bps) == share

    @given(amount=AMOUNTS, bps=st.integers(min_value=0, max_value=10_000))
    def test_is_off_by_half_a_paisa_at_most(self, amount, bps):
        share = money.percent_of(amount, bps=bps)

        assert type(share) is int
        assert 0 <= share <= amount
        assert -10_000 < 2 * (share * 10_000 - amount * bps) <= 10_000


class TestAllocate:
    @pytest.mark.parametrize(
        ("amount_paise", "weights", "parts"),
        [
            (100, [1, 1, 1], [34, 33, 33]),
            (2, [1, 1, 1], [1, 1, 0]),
            (10, [3, 3, 4], [3, 3, 4]),
            (5, [10, 0, 10], [3, 0, 2]),
            (1, [1, 2], [0, 1]),
            (0, [5, 7], [0, 0]),
            (0, [0, 0], [0, 0]),
            (7, [7], [7]),
        ],
    )
    def test_gives_the_largest_remainders_the_paise_left_over(self, amount_paise, weights, parts):
        assert money.allocate(amount_paise, weights=weights) == parts

    def test_refuses_an_amount_over_weights_that_are_all_zero(self):
        with pytest.raises(ValueError, match="all zero"):
            money.allocate(1, weights=[0, 0])

    @given(amount=AMOUNTS, weights=WEIGHTS.filter(any))
    def test_loses_and_makes_nothing(self, amount, weights):
        parts = money.allocate(amount, weights=weights)

        assert sum(parts) == amount
        assert len(parts) == len(weights)

    @given(amount=AMOUNTS, weights=WEIGHTS.filter(any))
    def test_gives_each_its_exact_share_to_within_a_paisa(self, amount, weights):
        total = sum(weights)

        parts = money.allocate(amount, weights=weights)

        for part, weight in zip(parts, weights, strict=True):
            assert part >= 0
            assert abs(part * total - amount * weight) < total

    @given(data=st.data(), weights=WEIGHTS.filter(any))
    def test_gives_no_part_more_than_its_weight(self, data, weights):
        amount = data.draw(st.integers(min_value=0, max_value=sum(weights)))

        parts = money.allocate(amount, weights=weights)

        assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


class TestFormatInr:
    @pytest.mark.parametrize(
        ("amount_paise", "text"),
        [
            (0, "₹0.00"),
            (5, "₹0.05"),
            (99, "₹0.99"),
            (9900, "₹99.00"),
            (100_000, "₹1,000.00"),
            (12_345_650, "₹1,23,456.50"),
            (10_000_000, "₹1,00,000.00"),
            (1_234_567_890_12, "₹1,23,45,67,890.12"),
            (-9950, "-₹99.50"),
            (-50, "-₹0.50"),
        ],
    )
    def test_groups_as_people_in_india_do(self, amount_paise, text):
        assert money.format_inr(amount_paise) == text

    @given(amount=st.integers(min_value=-(10**14), max_value=10**14))
    def test_keeps_every_paisa(self, amount):
        text = money.format_inr(amount)

        digits = text.replace("₹", "").replace(",", "").replace(".", "")
        assert int(digits) == amount


class TestPlainRupees:
    @pytest.mark.parametrize(
        ("amount_paise", "text"),
        [(0, "0.00"), (5, "0.05"), (-50, "-0.50"), (-9950, "-99.50"), (12_345_650, "123456.50")],
    )
    def test_is_a_number_to_every_spreadsheet(self, amount_paise, text):
        assert money.plain_rupees(amount_paise) == text
