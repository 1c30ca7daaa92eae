"""The catalogue of alerts and the code: neither knows a kind that the other does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings

from alerts import kinds
from payments.states import BreakKind

APPS = ("alerts", "ops", "notes", "notevault", "payments")
NAMED = re.compile(r'\bkind="([a-z_]+\.[a-z_]+)"|kinds\.find\("([a-z_.]+)"\)')
FAMILY = re.compile(r'\bkind=f"([a-z_]+\.[a-z_]+)\{')


def code():
    for app in APPS:
        for path in Path(settings.BASE_DIR, app).rglob("*.py"):
            if "tests" not in path.parts:
                yield path.read_text()


def used():
    text = "\n".join(code())
    return {a or b for a, b in NAMED.findall(text)}, set(FAMILY.findall(text))


class TestTheCatalogue:
    def test_has_every_kind_that_is_raised(self):
        names, _ = used()

        assert len(names) > 15
        assert names <= set(kinds.CATALOGUE)

    def test_has_no_kind_that_nothing_raises(self):
        names, families = used()
        of_families = {
            name for name in kinds.CATALOGUE if any(name.startswith(prefix) for prefix in families)
        }

        assert set(kinds.CATALOGUE) - of_families == names - of_families

    def test_lists_the_breaks_one_by_one(self):
        _, families = used()
        listed = {name for name in kinds.CATALOGUE if name.startswith("payments.break_")}

        assert families == {"payments.break_"}
        assert listed == {f"payments.break_{kind}" for kind in BreakKind}

    def test_names_each_once(self):
        assert len(kinds.CATALOGUE) == len(kinds.KINDS)

    @pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
    def test_says_in_whole_sentences_what_happened_and_what_to_do(self, kind):
        for text in (kind.raised_when, kind.what_to_do):
            assert text.endswith(".")
            assert 20 < len(text) < 400

    def test_has_an_answer_for_a_kind_that_it_does_not_know(self):
        assert "alerts/kinds.py" in kinds.find("x.y").what_to_do
