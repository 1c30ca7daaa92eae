"""Fields of JSON bodies: a number is not a text, and a text is no number."""

from __future__ import annotations

import re
import time

import pytest
from rest_framework.exceptions import ValidationError

from notevault.kit import fields

NAME = "Asha Verma"


def read(field, value):
    """What the field makes of it, or the codes of its refusal."""
    try:
        return field.run_validation(value)
    except ValidationError as refusal:
        return [detail.code for detail in refusal.detail]


class TestText:
    @pytest.mark.parametrize("value", [0, 1, 1.5, True, [], {}, ["a"], b"a"])
    @pytest.mark.parametrize(
        "kind",
        [
            fields.TextField,
            fields.EmailField,
            fields.SlugField,
            fields.UUIDField,
            fields.OpaqueField,
            fields.LineField,
            fields.ParagraphsField,
            fields.AddressField,
        ],
    )
    def test_is_nothing_else(self, kind, value):
        assert read(kind(), value) == ["invalid"]

    def test_is_asked_for(self):
        assert read(fields.TextField(), None) == ["null"]
        assert read(fields.TextField(), "") == ["blank"]


class TestWhole:
    @pytest.mark.parametrize(
        ("value", "number"), [(5, 5), (0, 0), (-3, -3), (5.0, 5), (1e3, 1000), (2**70, 2**70)]
    )
    def test_is_a_number_without_a_fraction(self, value, number):
        read_number = read(fields.WholeField(), value)

        assert (read_number, type(read_number)) == (number, int)

    @pytest.mark.parametrize(
        "value", ["5", "", "five", 1.5, True, False, [], {}, float("nan"), float("inf")]
    )
    def test_is_nothing_else(self, value):
        assert read(fields.WholeField(), value) == ["invalid"]

    def test_keeps_its_bounds(self):
        field = fields.WholeField(min_value=1, max_value=12)

        assert [read(field, value) for value in (0, 1, 12, 13)] == [
            ["min_value"],
            1,
            12,
            ["max_value"],
        ]


class TestOpaque:
    @pytest.mark.parametrize("value", [" spaces ", "\ttab\n", "ünï", "a" * 128, "<>&'\""])
    def test_is_taken_as_it_is(self, value):
        assert read(fields.OpaqueField(max_length=128), value) == value

    def test_holds_no_nul(self):
        assert read(fields.OpaqueField(), "a\x00b") == ["null_characters_not_allowed", "invalid"]

    def test_may_have_a_shape(self):
        field = fields.OpaqueField(pattern=r"^[a-z]+$", message="Small letters only.")

        assert (read(field, "abc"), read(field, "ABC")) == ("abc", ["invalid"])


class TestLine:
    @pytest.mark.parametrize("value", [NAME, f"  {NAME}\t", "李", "O'Neil-Smith", "a", "1 < 2"])
    def test_is_one_line_with_something_in_it(self, value):
        assert read(fields.LineField(max_length=80), value) == value.strip()

    @pytest.mark.parametrize(
        "value", ["a\nb", "a\rb", "a\tb", "a\x7fb", "a\x00b", "a\x1bb", "   ", "\n", ""]
    )
    def test_holds_no_control_character_and_is_not_empty(self, value):
        refusal = read(fields.LineField(max_length=80), value)

        assert isinstance(refusal, list)
        assert refusal

    def test_counts_the_spaces_around_it(self):
        field = fields.LineField(max_length=5)

        assert (read(field, " abc "), read(field, "  abc ")) == ("abc", ["max_length"])


class TestParagraphs:
    @pytest.mark.parametrize("value", ["one\ntwo", "one\r\n\r\ntwo", "a\tb", "one"])
    def test_may_have_several_lines(self, value):
        assert read(fields.ParagraphsField(), value) == value

    @pytest.mark.parametrize("value", ["a\x00b", "a\x08b", "a\x0bb", "a\x1bb", "a\x7fb", " \n "])
    def test_holds_no_other_control_character(self, value):
        refusal = read(fields.ParagraphsField(), value)

        assert isinstance(refusal, list)
        assert refusal


class TestAddress:
    @pytest.mark.parametrize(
        "value",
        [
            "asha@example.com",
            "A.B+c%d_e-f@x-y.Example.IN",
            "a@b.co",
            f"{'a' * 64}@example.com",
            " asha@example.com ",
            "1@2.3.example",
        ],
    )
    def test_is_one_that_people_have(self, value):
        assert read(fields.AddressField(), value) == value.strip()

    @pytest.mark.parametrize(
        "value",
        [
            "asha",
            "asha@example",
            "@example.com",
            "asha@",
            "a b@example.com",
            "a@b@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@-b.com",
            "a@b-.com",
            "a@b..com",
            "a@[127.0.0.1]",
            "a@example.c",
            "a@example.c0m",
            "ünï@example.com",
            "a@exämple.com",
            "\u212aate@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "<a@example.com>",
            f"{'a' * 65}@example.com",
        ],
    )
    def test_is_refused_once_when_it_is_none(self, value):
        assert read(fields.AddressField(), value) == ["invalid"]

    def test_is_not_endless(self):
        assert "max_length" in read(fields.AddressField(), f"a@{'b.' * 200}com")


class TestPatterns:
    """Each is matched in linear time, also by a megabyte."""

    @pytest.mark.parametrize(
        "kind", [fields.LineField, fields.ParagraphsField, fields.AddressField, fields.OpaqueField]
    )
    @pytest.mark.parametrize(
        "text",
        [
            " " * 500_000,
            "a" * 500_000 + "\x00",
            "a." * 250_000,
            "a@" + "b." * 250_000,
            "a-" * 250_000,
        ],
        ids=["spaces", "letters", "dots", "domains", "dashes"],
    )
    def test_take_no_time(self, kind, text):
        (pattern,) = (v.regex for v in kind().validators if hasattr(v, "regex"))
        started = time.perf_counter()

        re.search(pattern.pattern, text)

        assert time.perf_counter() - started < 1
