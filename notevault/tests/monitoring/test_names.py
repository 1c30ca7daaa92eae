"""Rules and dashboards ask for nothing that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

from notevault.tests.monitoring.files import queries, recordings
from notevault.tests.monitoring.promql import Selector, grouping, selectors
from notevault.tests.monitoring.rows import make_rows
from ops.metrics import exposition, process, rows

QUERIES = list(queries())

# What others export, and the labels of it that we use.
OF_OTHERS = {
    # Prometheus
    "up": {"namespace", "job", "instance"},
    "ALERTS": {"alertname", "alertstate"},
    # kube-state-metrics
    "kube_pod_container_status_restarts_total": {"namespace", "pod", "container"},
    "kube_pod_container_resource_requests": {"namespace", "pod", "container", "resource"},
    # cAdvisor
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},
    "container_memory_working_set_bytes": {"namespace", "pod", "container"},
}
# Prometheus adds them to each series that it scrapes; the namespace in Kubernetes only.
OF_THE_TARGET = {"namespace", "job", "instance"}
ENDINGS = {
    "counter": {"_total": set()},
    "gauge": {"": set()},
    "histogram": {"_bucket": {"le"}, "_sum": set(), "_count": set()},
}

Series = dict[str, set[str]]


@pytest.fixture
def exported(db: None, monkeypatch: pytest.MonkeyPatch) -> Series:
    """The names of the series of web and worker, and their labels."""
    make_rows()
    # In this thread, whose transaction has the rows.
    monkeypatch.setattr(rows.answer, "within", lambda seconds: rows.read())
    monkeypatch.setattr(process, "memory_limit", lambda: 1)
    families = [*exposition.Web().collect(), *exposition.Worker().collect()]
    return {name: labels for family in families for name, labels in series(family)}


def series(family: Metric) -> Iterator[tuple[str, set[str]]]:
    labels = declared_labels(family) | {
        label for sample in family.samples for label in sample.labels
    }
    for ending, more in ENDINGS[family.type].items():
        yield family.name + ending, labels - {"le"} | more | OF_THE_TARGET


def declared_labels(family: Metric) -> set[str]:
    """Also of an instrument that has counted nothing yet."""
    instruments = (REGISTRY._names_to_collectors.get(family.name), family)
    return {label for one in instruments for label in getattr(one, "_labelnames", ())}


def asked_for() -> list[tuple[str, Selector]]:
    return [(where, found) for where, text in QUERIES for found in selectors(text)]


class TestEveryMetricThatIsAskedFor:
    def test_is_exported_by_somebody(self, exported: Series) -> None:
        known = exported.keys() | OF_OTHERS.keys() | recordings()

        unknown = [(where, found.metric) for where, found in asked_for()]

        assert [pair for pair in unknown if pair[1] not in known] == []

    def test_has_the_labels_that_it_is_chosen_by(self, exported: Series) -> None:
        known = {**exported, **OF_OTHERS, **dict.fromkeys(recordings(), OF_THE_TARGET)}

        strange = [
            (where, found.metric, found.labels - known[found.metric])
            for where, found in asked_for()
        ]

        assert [entry for entry in strange if entry[2]] == []

    def test_has_the_labels_that_it_is_added_up_by(self, exported: Series) -> None:
        known = {**exported, **OF_OTHERS, **dict.fromkeys(recordings(), OF_THE_TARGET)}

        for where, text in QUERIES:
            found = {label for one in selectors(text) for label in known[one.metric]}
            # `label_replace` makes this one.
            assert grouping(text) - {"class"} <= found, where


class TestTheListOfOthers:
    def test_names_only_what_is_asked_for(self) -> None:
        assert OF_OTHERS.keys() <= {found.metric for _, found in asked_for()}


class TestReadingAnExpression:
    @pytest.mark.parametrize(
        ("text", "metrics", "labels", "groups"),
        [
            (
                'sum by (a, b) (rate(x_total{c="by (d)", e!~"f|{g}"}[5m])) > 1e3',
                {"x_total"},
                {"c", "e"},
                {"a", "b"},
            ),
            ("max(x) / on (a) group_left (b) max(y) or vector(0)", {"x", "y"}, set(), {"a", "b"}),
            ("job:x:ratio5m > 0.01 and time() - y", {"job:x:ratio5m", "y"}, set(), set()),
            ('increase(x{i=~"$instance"}[$__rate_interval])', {"x"}, {"i"}, set()),
            ("avg_over_time(x[1d]) offset 5m", {"x"}, set(), set()),
        ],
    )
    def test_finds_metrics_and_labels(
        self, text: str, metrics: set[str], labels: set[str], groups: set[str]
    ) -> None:
        found = list(selectors(text))

        assert {one.metric for one in found} == metrics
        assert {label for one in found for label in one.labels} == labels
        assert grouping(text) == groups
