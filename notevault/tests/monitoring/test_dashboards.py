"""The dashboards as somebody opens them: laid out, explained, and of any data source."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from notevault.tests.monitoring.files import DASHBOARDS, alerts, dashboard, panels, queries
from notevault.tests.monitoring.promql import selectors

WIDTH = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

each = pytest.mark.parametrize("path", DASHBOARDS, ids=[path.stem for path in DASHBOARDS])


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


class TestADashboard:
    def test_is_one_of_two(self) -> None:
        assert [path.stem for path in DASHBOARDS] == ["money", "service"]

    @each
    def test_lets_the_reader_choose_source_and_instance(self, path: Path) -> None:
        variables = dashboard(path)["templating"]["list"]

        assert [variable["name"] for variable in variables] == ["datasource", "instance"]

    @each
    def test_has_no_panel_over_another_nor_beyond_the_edge(self, path: Path) -> None:
        places = [panel["gridPos"] for panel in dashboard(path)["panels"]]

        assert [pair for pair in combinations(places, 2) if overlap(*pair)] == []
        assert max(place["x"] + place["w"] for place in places) <= WIDTH

    @each
    def test_numbers_its_panels_and_names_its_queries(self, path: Path) -> None:
        numbers = [panel["id"] for panel in dashboard(path)["panels"]]

        assert len(numbers) == len(set(numbers))
        for panel in panels(path):
            letters = [target["refId"] for target in panel["targets"]]
            assert letters == sorted(set(letters)), panel["title"]

    @each
    def test_explains_each_panel_and_its_unit(self, path: Path) -> None:
        for panel in panels(path):
            assert panel["description"].endswith("."), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert panel["datasource"] == SOURCE, panel["title"]

    @each
    def test_colours_a_single_figure_by_what_it_means(self, path: Path) -> None:
        """Without thresholds of its own Grafana paints whatever is above 80 red."""
        for panel in panels(path):
            if panel["type"] == "stat":
                assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]


class TestTheServiceDashboard:
    def test_has_a_row_for_whatever_can_go_wrong(self) -> None:
        rows = titles_of_rows("service")

        assert rows == [
            "At a glance",
            "Traffic",
            "Latency",
            "Errors",
            "Gateway and circuit breakers",
            "Webhooks",
            "Queue and workers",
            "Database",
            "Alerts and dead letters",
            "Processes: memory, CPU, restarts",
        ]


class TestTheMoneyDashboard:
    def test_has_a_row_for_each_way_of_the_money(self) -> None:
        rows = titles_of_rows("money")

        assert rows == [
            "At a glance",
            "Orders and settlements",
            "Refunds and downloads",
            "Ledger proof",
            "Backup",
        ]


def titles_of_rows(name: str) -> list[str]:
    found = next(path for path in DASHBOARDS if path.stem == name)
    return [panel["title"] for panel in dashboard(found)["panels"] if panel["type"] == "row"]


class TestWhatAlertsWatch:
    @pytest.mark.parametrize("alert", alerts(), ids=[alert["alert"] for alert in alerts()])
    def test_is_on_a_dashboard_too(self, alert: dict[str, Any]) -> None:
        shown = {
            selector.metric
            for where, expression in queries()
            if ".json" in where
            for selector in selectors(expression)
        }

        watched = {selector.metric for selector in selectors(alert["expr"])}

        assert watched - shown == set()
