"""An answer counts by what is in it: each check refuses the answer that only looks right."""

from __future__ import annotations

import hashlib
import json
from random import Random

import pytest

from deploy.load import checks, scenarios
from deploy.load.checks import WrongAnswer

JSON, PROBLEM = "application/json", "application/problem+json"
PDF = b"%PDF-1.7\nthe pages\n%%EOF\n"


def note(number=1, **changes):
    return {
        "id": f"note-{number}",
        "title": f"Algebra {number}",
        "price_paise": 4900,
        "published_at": f"2026-11-{30 - number:02d}T00:00:00+00:00",
        "sales_count": 10 - number,
        "category": "mathematics",
        "university": "Anna University",
        "course": "B.Sc Mathematics",
        "description": "Rings and fields.",
        **changes,
    }


def page(*notes):
    return {"items": list(notes), "next_cursor": None}


class TestABody:
    def test_of_a_success_is_its_object(self):
        assert checks.body_of(200, JSON, b'{"a": 1}') == {"a": 1}

    @pytest.mark.parametrize(
        ("status", "kind", "content", "says"),
        [
            (429, PROBLEM, b'{"code": "throttled"}', "429 throttled"),
            (200, PROBLEM, b'{"code": "throttled"}', "200 throttled"),
            (500, JSON, b"{}", "500"),
            (200, "text/html", b"<html>", "is no JSON"),
            (200, JSON, b"[]", "is no object"),
            (0, "", b"", "no answer"),
        ],
    )
    def test_of_anything_else_is_refused(self, status, kind, content, says):
        with pytest.raises(WrongAnswer, match=says):
            checks.body_of(status, kind, content)


class TestAPage:
    def test_is_given_back(self):
        notes = checks.page(page(note(1), note(2)), limit=20, sort="newest")

        assert [one["id"] for one in notes] == ["note-1", "note-2"]

    @pytest.mark.parametrize(
        ("body", "options", "says"),
        [
            ({"items": []}, {}, "no page"),
            (page(note(1), note(2)), {"limit": 1}, "more notes than"),
            (page(note(2), note(1)), {}, "not in the order newest"),
            (page(note(1), note(2, price_paise=1)), {"sort": "price_low"}, "not in the order"),
            (page(note(1)), {"seen": ["note-1"]}, "comes again"),
            (page(note(1, title="")), {}, "without its id or title"),
        ],
    )
    def test_that_is_none_is_refused(self, body, options, says):
        with pytest.raises(WrongAnswer, match=says):
            checks.page(body, **{"limit": 20, "sort": "newest", **options})

    def test_of_the_most_sold_may_repeat_a_note(self):
        assert checks.page(page(note(1)), limit=20, sort="popular", seen=["note-1"])


class TestASearch:
    def test_finds_what_has_all_that_was_asked_for(self):
        wanted = {"university": "ANNA university", "min_price": 4900, "max_price": 4900}

        checks.hits([note(1), note(2)], wanted, words="rings ALGEBRA")
        checks.hits([note(1, title="Physical rings")], {}, words="physics")

    def test_whose_nearest_hit_lacks_a_word_is_refused(self):
        with pytest.raises(WrongAnswer, match="nearest"):
            checks.hits([note(2), note(1, title="Botany")], {}, words="algebra botany")

    @pytest.mark.parametrize(
        ("notes", "wanted"),
        [
            ([], {"category": "mathematics"}),
            ([note(1), note(2, category="law")], {"category": "mathematics"}),
            ([note(1, price_paise=4901)], {"max_price": 4900}),
            ([note(1, price_paise=4899)], {"min_price": 4900}),
        ],
    )
    def test_that_finds_something_else_is_refused(self, notes, wanted):
        with pytest.raises(WrongAnswer):
            checks.hits(notes, wanted)


class TestTheOthers:
    def test_a_detail_is_of_the_note_in_the_list(self):
        checks.detail(note(1), note(1))
        with pytest.raises(WrongAnswer, match="price_paise"):
            checks.detail(note(1, price_paise=1), note(1))

    def test_a_sign_in_is_ones_own(self):
        body = {"access": "a", "refresh": "r", "user": {"email": "buyer1@example.com"}}

        checks.signed_in(body, "buyer1@example.com")
        with pytest.raises(WrongAnswer, match="somebody else"):
            checks.signed_in(body, "buyer2@example.com")
        with pytest.raises(WrongAnswer, match="without tokens"):
            checks.signed_in({**body, "refresh": ""}, "buyer1@example.com")

    @pytest.mark.parametrize(
        "changes",
        [
            {"total_paise": 1},
            {"items": [{"note_id": "note-2"}]},
            {"next_action": "wait"},
            {"checkout": None},
        ],
    )
    def test_an_order_can_be_paid_for_its_note_at_its_price(self, changes):
        body = {
            "items": [{"note_id": "note-1"}],
            "total_paise": 4900,
            "next_action": "pay",
            "checkout": {"gateway_order_id": "order_1"},
        }

        checks.order(body, note(1))
        with pytest.raises(WrongAnswer):
            checks.order({**body, **changes}, note(1))

    @pytest.mark.parametrize(
        ("action", "is_done"), [("download", True), ("pay", False), ("wait", False)]
    )
    def test_an_outcome_is_there_or_to_be_asked_for_again(self, action, is_done):
        body = {"id": "o", "state": "paid", "next_action": action}

        assert checks.outcome(body, "o") is is_done

    @pytest.mark.parametrize(
        "changes", [{"id": "other"}, {"next_action": "contact_support"}, {"state": "refunded"}]
    )
    def test_an_outcome_that_helps_nobody_is_refused(self, changes):
        body = {"id": "o", "state": "paid", "next_action": "download", **changes}

        with pytest.raises(WrongAnswer):
            checks.outcome(body, "o")

    def test_a_bought_note_is_in_the_library(self):
        checks.in_library(page({"note_id": "a"}), "a")
        with pytest.raises(WrongAnswer):
            checks.in_library(page({"note_id": "b"}), "a")


class TestAFile:
    def test_is_a_whole_pdf_and_the_one_that_was_sold(self):
        checks.file(200, "application/pdf", PDF, sha256=hashlib.sha256(PDF).hexdigest())

    @pytest.mark.parametrize(
        ("status", "kind", "content", "says"),
        [
            (200, "application/pdf", b"<html>", "no whole PDF"),
            (200, "application/pdf", PDF[:12], "no whole PDF"),
            (200, "application/pdf", PDF + b"% 2\n", "not that of the note"),
            (200, JSON, b"{}", "is no file"),
            (410, PROBLEM, json.dumps({"code": "link_expired"}).encode(), "410 link_expired"),
        ],
    )
    def test_that_is_another_thing_is_refused(self, status, kind, content, says):
        with pytest.raises(WrongAnswer, match=says):
            checks.file(status, kind, content, sha256=hashlib.sha256(PDF).hexdigest())


class TestWhatIsTyped:
    def test_are_words_of_a_title(self):
        assert scenarios.words_of("Algebra: rings with one element") == ["Algebra", "element"]
        assert scenarios.words_of("C in a day") == ["C in a day"]

    def test_is_misspelt_by_two_letters_that_changed_places(self):
        for number in range(20):
            typed = scenarios.misspell("Algebra", Random(number))

            assert typed[0] == "A"
            assert sorted(typed) == sorted("Algebra")

    def test_is_left_alone_where_it_is_too_short(self):
        assert scenarios.misspell("C", Random(1)) == "C"
