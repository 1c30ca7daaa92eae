"""A query that is written once gives what Django's own would."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import ExpressionWrapper, F, FloatField, QuerySet

from notes.models import Category
from notevault.db.prepared import Each, Slot, Statement, statement

pytestmark = pytest.mark.django_db

Rows = QuerySet[Any, Any]
asked: list[str] = []


def categories(**given: Any) -> Rows:
    asked.append("categories")
    return Category.objects.filter(**given).order_by("slug").values("slug", title=F("name"))


@pytest.fixture
def both() -> list[Category]:
    return [Category.objects.create(slug=f"kind-{n}", name=f"Kind {n}") for n in range(2)]


@pytest.mark.usefixtures("both")
class TestAStatement:
    def test_gives_the_rows_of_its_queryset(self) -> None:
        found = statement(categories, ("slug__startswith",)).rows(slug__startswith="kind")

        assert found == list(categories(slug__startswith="kind"))
        assert len(found) == 2

    def test_is_written_once_for_all_values(self) -> None:
        statement.cache_clear()
        asked.clear()

        seen = [statement(categories, ("slug",)).rows(slug=f"kind-{n}") for n in range(3)]

        assert [[row["title"] for row in rows] for rows in seen] == [["Kind 0"], ["Kind 1"], []]
        assert asked == ["categories"]

    def test_is_another_for_other_names(self) -> None:
        by_name = statement(categories, ("name",))

        assert by_name is not statement(categories, ("slug",))
        assert by_name.rows(name="Kind 1") == [{"slug": "kind-1", "title": "Kind 1"}]

    @pytest.mark.parametrize("slug", ["'", "kind-0' OR '1'='1", "%s", "%", "\\", '"; --'])
    def test_takes_a_value_as_a_value(self, slug: str) -> None:
        Category.objects.create(slug=slug, name="Odd")

        assert statement(categories, ("slug",)).rows(slug=slug) == [{"slug": slug, "title": "Odd"}]

    def test_demands_every_value(self) -> None:
        with pytest.raises(KeyError, match="slug"):
            statement(categories, ("slug",)).rows()

    @pytest.mark.parametrize("count", [1, 2, 3])
    def test_takes_a_list_of_any_length(self, both: list[Category], count: int) -> None:
        rows = Category.objects.filter(pk__in=Each("ids")).values("slug")

        found = Statement.of(rows).rows(ids=[*(category.pk for category in both), -1][:count])

        assert len(found) == min(count, 2)

    def test_converts_as_django_does(self) -> None:
        half = ExpressionWrapper(F("id") / Decimal("2.0"), FloatField())

        def rows(slug: Any) -> Rows:
            return Category.objects.filter(slug=slug).values("slug", half=half)

        found = Statement.of(rows(Slot("slug"))).rows(slug="kind-0")

        assert found == list(rows("kind-0"))
        assert isinstance(found[0]["half"], float)
