"""The arithmetic of documents, their numbers, and how amounts and titles are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import tax
from payments.invoices.lettering import in_latin
from payments.invoices.lines import Shares, as_json, from_json, make_line, sums
from payments.invoices.numbers import financial_year, number_of
from payments.invoices.page import initials
from payments.invoices.words import rupees_in_words
from payments.models import InvoiceSeries, OrderItem
from payments.reversals import left_paise, parts_of

NOTE_ID = UUID("0198f0c2-b1d4-7c55-8f0e-6a2b9c3d4e5f")


def shares(seller, commission, tax_paise):
    return Shares(NOTE_ID, "Physics", seller, commission, tax_paise)


class TestLine:
    def test_within_the_state_bears_cgst_and_sgst(self):
        line = make_line(shares(8415, 1485, 226), rate_bps=1800, is_intra_state=True)

        assert (line.note_value_paise, line.taxable_paise) == (8415, 1259)
        assert (line.cgst_paise, line.sgst_paise, line.igst_paise) == (113, 113, 0)
        assert line.total_paise == 9900

    def test_into_another_state_bears_igst(self):
        line = make_line(shares(8415, 1485, 226), rate_bps=1800, is_intra_state=False)

        assert (line.note_value_paise, line.taxable_paise) == (8415, 1259)
        assert (line.cgst_paise, line.sgst_paise, line.igst_paise) == (0, 0, 226)
        assert line.total_paise == 9900

    def test_comes_back_from_json_as_it_was(self):
        line = make_line(shares(8415, 1485, 226), rate_bps=1800, is_intra_state=True)

        assert from_json(as_json([line])) == [line]


@st.composite
def split_prices(draw):
    """Lines as they are sold, or what refunds took of them: any tax within the commission."""
    seller = draw(st.integers(0, 1_000_000))
    commission = draw(st.integers(0, 1_000_000))
    return shares(seller, commission, draw(st.integers(0, commission)))


class TestSums:
    @given(st.lists(split_prices(), min_size=1, max_size=50), st.booleans())
    def test_add_up_to_what_was_paid(self, parts, is_intra_state):
        lines = [make_line(part, rate_bps=1800, is_intra_state=is_intra_state) for part in parts]
        total = sums(lines)

        taxes = total["cgst_paise"] + total["sgst_paise"] + total["igst_paise"]
        assert total["total_paise"] == sum(p.seller_paise + p.commission_paise for p in parts)
        assert total["note_value_paise"] + total["taxable_paise"] + taxes == total["total_paise"]
        assert total["cgst_paise"] == total["sgst_paise"]
        assert total["igst_paise"] == 0 or total["cgst_paise"] == 0
        assert min(total.values()) >= 0

    @given(st.integers(0, 1_000_000))
    def test_hold_a_tax_that_is_the_rate_of_what_is_taxed(self, commission):
        within = tax.tax_within(commission, bps=1800)
        line = make_line(shares(0, commission, within), rate_bps=1800, is_intra_state=True)

        exact = line.taxable_paise * 0.09
        assert line.cgst_paise == within // 2
        assert abs(line.cgst_paise - exact) <= 0.6


class TestWhatGoesBack:
    @given(st.lists(st.integers(100, 4000), min_size=1, max_size=8))
    def test_has_a_tax_that_can_be_halved_until_each_part_is_back_whole(self, amounts):
        item = OrderItem(
            paid_paise=9900, seller_share_paise=8415, commission_paise=1485, tax_paise=226
        )
        for amount in (*amounts, 9900):
            share, fee, back = parts_of(item, min(amount, left_paise(item)))

            assert min(share, fee, back) >= 0
            assert back % 2 == 0
            item.reversed_paise += share + fee + back
            item.reversed_share_paise += share
            item.reversed_tax_paise += back
            assert item.reversed_tax_paise <= 226
        assert (item.reversed_paise, item.reversed_share_paise) == (9900, 8415)
        assert item.reversed_tax_paise == 226


class TestFinancialYear:
    MIDNIGHT = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)  # in India: 1 April

    @pytest.mark.parametrize(
        ("now", "year"),
        [
            (MIDNIGHT - timedelta(microseconds=1), "2026-27"),
            (MIDNIGHT, "2027-28"),
            (datetime(2026, 12, 31, 23, tzinfo=UTC), "2026-27"),
            (datetime(2100, 3, 1, tzinfo=UTC), "2099-00"),
        ],
    )
    def test_begins_at_indian_midnight_of_the_first_of_april(self, now, year):
        assert financial_year(now) == year


class TestNumber:
    @pytest.mark.parametrize(
        ("last", "number"),
        [(1, "NV2627/000001"), (1_000_000, "NV2627/1000000"), (999_999_999, "NV2627/999999999")],
    )
    def test_is_at_most_16_characters_long(self, last, number):
        series = InvoiceSeries(prefix="NV", financial_year="2026-27", last=last)

        assert number_of(series) == number
        assert len(number) <= 16


class TestWords:
    @pytest.mark.parametrize(
        ("paise", "words"),
        [
            (100, "Rupees one only"),
            (9900, "Rupees ninety-nine only"),
            (11050, "Rupees one hundred ten and fifty paise only"),
            (100_001, "Rupees one thousand and one paise only"),
            (
                12_345_678,
                "Rupees one lakh twenty-three thousand four hundred fifty-six and"
                " seventy-eight paise only",
            ),
            (2_100_000_000, "Rupees two crore ten lakh only"),
        ],
    )
    def test_count_as_people_in_india_do(self, paise, words):
        assert rupees_in_words(paise) == words


class TestLatin:
    @pytest.mark.parametrize(
        ("text", "written"),
        [
            ("Größe & <b>α</b>", "Größe & <b>?</b>"),
            ("भौतिक विज्ञान: नोट्स २", "bhautika vijnyaana: notsa 2"),
            ("ಕನ್ನಡ", "kannada"),
            ("தமிழ்", "tamizh"),
            ("₹500", "Rs. 500"),
            ("漢字 🎓", "?? ?"),
            ("a\u202eb\u200d", "ab"),
        ],
    )
    def test_writes_every_letter_in_one_that_the_typeface_has(self, text, written):
        assert in_latin(text) == written

    @given(st.text(max_size=60))
    def test_can_write_anything(self, text):
        written = in_latin(text)

        assert written == in_latin(written)


class TestInitials:
    @pytest.mark.parametrize(
        ("name", "short"), [("Nina Kapoor", "N. K."), ("नीना", "न."), ("  a   b ", "A. B.")]
    )
    def test_hide_the_rest_of_the_name(self, name, short):
        assert initials(name) == short
