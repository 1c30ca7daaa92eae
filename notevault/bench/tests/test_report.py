"""Percentiles, rows and the table."""

from __future__ import annotations

import pytest

from notevault.bench.client import Reply, Sample
from notevault.bench.report import Outcome, Promise, lines, percentile, summarize


class TestAPercentile:
    @pytest.mark.parametrize(
        ("percent", "expected"), [(1, 1), (50, 50), (95, 95), (99, 99), (99.5, 100), (100, 100)]
    )
    def test_of_a_hundred_values_is_the_value_of_its_rank(
        self, percent: float, expected: float
    ) -> None:
        assert percentile(list(range(100, 0, -1)), percent) == expected

    @pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (75, 3.0), (95, 9.0), (0, 1.0)])
    def test_of_few_values_is_one_of_them(self, percent: float, expected: float) -> None:
        assert percentile([9.0, 1.0, 3.0, 2.0], percent) == expected

    def test_of_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="nothing"):
            percentile([], 99)


class TestARow:
    def test_counts_answers_and_errors(self) -> None:
        samples = [Sample(number / 1000, Reply(200)) for number in range(1, 100)]
        samples.append(Sample(5.0, Reply(503)))

        row = summarize("webhooks", samples, lambda reply: reply.status == 200)

        assert (row.count, row.errors) == (100, 1)
        assert (row.p50, row.p95, row.p99, row.longest) == (0.05, 0.095, 0.099, 5.0)


class TestTheTable:
    def test_shows_rows_facts_and_verdicts(self) -> None:
        samples = [Sample(0.0125, Reply(200))]
        outcome = Outcome(
            [summarize("webhooks", samples, lambda reply: True)],
            [Promise("quick", "12 ms", True), Promise("cheap", "₹9", False)],
            ["1 of 1 events"],
        )

        head, row, *rest = lines(outcome)

        assert head.split()[:3] == ["n", "p50", "ms"]
        assert row.split() == ["webhooks", "1", "12.5", "12.5", "12.5", "12.5", "0"]
        assert rest == ["  1 of 1 events", "  holds  quick: 12 ms", "  BROKEN cheap: ₹9"]
