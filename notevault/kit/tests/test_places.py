"""States of India, and the registration numbers that begin with theirs."""

from __future__ import annotations

import pytest

from notevault.kit.places import PLACES, is_gstin

MAHARASHTRA, KARNATAKA = PLACES["MH"], PLACES["KA"]


class TestPlaces:
    def test_are_28_states_and_8_union_territories(self):
        assert len(PLACES) == 36
        assert len({place.number for place in PLACES.values()}) == 36
        assert all(code == place.code for code, place in PLACES.items())

    def test_are_written_with_the_number_of_gst(self):
        assert str(KARNATAKA) == "Karnataka (29)"


class TestGstin:
    @pytest.mark.parametrize(
        ("text", "place"), [("27AAPFU0939F1ZV", MAHARASHTRA), ("29AAGCB7383J1Z4", KARNATAKA)]
    )
    def test_is_one(self, text, place):
        assert is_gstin(text, place=place)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "27AAPFU0939F1ZW",  # the check digit
            "29AAPFU0939F1ZV",  # another state's
            "27AAPFU0939F1ZV ",
            "27aapfu0939f1zv",
            "27AAPFU0993F1ZV",  # two digits changed places
            "27AAPFU0939F0ZV",
        ],
    )
    def test_is_none(self, text):
        assert not is_gstin(text, place=MAHARASHTRA)
