"""The demo's notes: believable, varied, and the same each time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from notes.pdf import PdfFacts, inspect_pdf
from notevault.demo.catalogue import (
    CATEGORIES,
    SELLERS,
    DemoNote,
    make_catalogue,
    render_pdf,
)
from notevault.demo.drills import DRILLS
from notevault.demo.figures import CURVES, DOTS
from notevault.demo.subjects import Subject, all_subjects


@pytest.fixture(scope="module")
def notes() -> list[DemoNote]:
    return make_catalogue()


@pytest.fixture
def note() -> DemoNote:
    return make_catalogue(count=1)[0]


class TestTheCatalogue:
    def test_is_the_same_each_time(self, notes: list[DemoNote]) -> None:
        assert make_catalogue() == notes
        assert make_catalogue(seed=8) != notes

    def test_never_uses_a_title_twice(self) -> None:
        titles = [note.title for note in make_catalogue(count=1500)]

        assert len(set(titles)) == 1500

    def test_gives_every_category_and_seller_a_share(self, notes: list[DemoNote]) -> None:
        by_category = Counter(note.category_slug for note in notes)
        by_seller = Counter(note.seller_email for note in notes)

        assert set(by_category) == {slug for slug, _ in CATEGORIES}
        assert set(by_category.values()) == {16, 17}
        assert set(by_seller) == {email for email, _ in SELLERS}

    def test_has_notes_at_each_rate_of_commission(self, notes: list[DemoNote]) -> None:
        pages = [note.pages for note in notes]

        assert sum(count > 150 for count in pages) == 3
        assert sum(50 < count <= 150 for count in pages) == 12
        assert min(pages) >= 4

    def test_asks_only_prices_that_may_be_asked(self, notes: list[DemoNote]) -> None:
        prices = {note.price_paise for note in notes}

        assert 0 in prices
        assert {100, 1_000_000} <= prices
        assert all(price == 0 or 100 <= price <= 1_000_000 for price in prices)

    def test_keeps_semesters_from_1_to_8(self, notes: list[DemoNote]) -> None:
        assert {note.semester for note in notes} <= set(range(1, 9))


class TestATopic:
    @pytest.mark.parametrize("subject", all_subjects(), ids=lambda subject: subject.slug)
    def test_has_problems_to_pose_and_a_curve_that_exists(self, subject: Subject) -> None:
        for topic in subject.topics:
            assert DRILLS[topic.title]
            assert topic.plot is None or topic.plot[2] in {*CURVES, *DOTS, "circle"}

    def test_is_written_in_characters_of_the_standard_fonts(self) -> None:
        for subject in all_subjects():
            repr(subject).encode("latin-1")

    def test_has_problems_whose_answers_can_be_worked_out(self) -> None:
        for drills in DRILLS.values():
            for drill in drills:
                for a in drill.first[1]:
                    assert drill.answer(a, drill.second[1][0])


class TestAPdf:
    @pytest.mark.parametrize("pages", [1, 2, 3, 4, 17, 60])
    def test_has_the_pages_it_says_and_may_be_sold(
        self, note: DemoNote, tmp_path: Path, pages: int
    ) -> None:
        path = tmp_path / "note.pdf"
        path.write_bytes(render_pdf(replace(note, pages=pages)))

        assert inspect_pdf(path) == PdfFacts(pages=pages)

    def test_is_the_same_each_time(self, note: DemoNote) -> None:
        assert render_pdf(note) == render_pdf(note)

    def test_names_its_title_and_its_author(self, note: DemoNote, tmp_path: Path) -> None:
        path = tmp_path / "note.pdf"
        path.write_bytes(render_pdf(note))

        with pikepdf.open(path) as pdf:
            assert str(pdf.docinfo["/Title"]) == note.title
            assert str(pdf.docinfo["/Author"]) == "Ananya Iyer"

    def test_can_be_set_for_a_stranger_with_a_title_in_any_script(self, note: DemoNote) -> None:
        foreign = replace(note, title="भौतिकी – ₹99", seller_email="stranger@example.com", pages=4)

        assert render_pdf(foreign).startswith(b"%PDF-")
