"""What each alert must have, whatever it watches. `make monitoring` tries the rules themselves."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings

from notevault.tests.monitoring.files import PROMETHEUS, RULE_TESTS, alerts, load, rules

# It fires for ever, so nothing keeps it silent.
ALWAYS = "Watchdog"
NAMES = [alert["alert"] for alert in alerts()]


def cases(name: str) -> list[list[Any]]:
    """What rules_test.yml and those beside it expect of an alert, moment by moment."""
    tests = [test for path in RULE_TESTS for test in load(path)["tests"]]
    found = [case for test in tests for case in test.get("alert_rule_test", [])]
    return [case["exp_alerts"] for case in found if case["alertname"] == name]


def kebab(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()


class TestEachAlert:
    @pytest.mark.parametrize("name", NAMES)
    def test_is_seen_firing_and_silent(self, name: str) -> None:
        expected = cases(name)

        assert any(expected)
        assert name == ALWAYS or not all(expected)

    @pytest.mark.parametrize("alert", alerts(), ids=NAMES)
    def test_says_how_bad_it_is_what_is_wrong_and_what_to_do(self, alert: dict[str, Any]) -> None:
        name, notes = alert["alert"], alert["annotations"]

        assert set(notes) == {"summary", "description", "runbook_url"}
        assert notes["runbook_url"] == f"deploy/README.md#{kebab(name)}"
        assert alert["labels"]["severity"] in ({"none"} if name == ALWAYS else SEVERITIES)

    @pytest.mark.parametrize("alert", alerts(), ids=NAMES)
    def test_tells_its_figure_and_is_not_for_a_blip(self, alert: dict[str, Any]) -> None:
        if alert["alert"] == ALWAYS:
            assert "for" not in alert
            return

        assert alert["for"] in {"1m", "2m", "3m", "5m", "10m", "15m", "1h", "90m"}
        assert "$value" in alert["annotations"]["description"] or alert["alert"] == "ApiDown"

    @pytest.mark.parametrize("name", NAMES)
    def test_has_a_runbook_where_it_says(self, name: str) -> None:
        guide = (settings.BASE_DIR / "deploy" / "README.md").read_text()
        anchors = [
            line.removeprefix("### ").lower().replace(" ", "-")
            for line in guide.splitlines()
            if line.startswith("### ")
        ]

        assert kebab(name) in anchors

    def test_has_a_name_of_its_own(self) -> None:
        assert len(NAMES) == len(set(NAMES))


SEVERITIES = {"critical", "warning"}
# Red and yellow in the deployment guide.
OF_THE_GUIDE = {
    "CircuitBreakerOpen": "critical",
    "DeadLettersPile": "critical",
    "ErrorRateHigh": "warning",
    "RequestsSlow": "warning",
    "PodsRestart": "warning",
    "MemoryHigh": "warning",
}


class TestTheAlertsOfTheGuide:
    def test_are_as_bad_as_it_says(self) -> None:
        found = {alert["alert"]: alert["labels"]["severity"] for alert in alerts()}

        assert OF_THE_GUIDE.items() <= found.items()


class TestAlertsThatRestOnTheDatabase:
    def test_say_so_and_take_one_figure_of_all_pods(self) -> None:
        marked = [alert for alert in alerts() if alert["labels"].get("source") == "database"]

        assert len(marked) == 13
        for alert in marked:
            assert "max" in alert["expr"], alert["alert"]


# Over pods; `present_over_time` and the like are over time.
AGGREGATION = re.compile(r"\b(?:sum|max|min|avg|count|group|topk|quantile)\s*(?:by\s*)?\(([^)]*)")


class TestNamespaces:
    """Production and staging may share a Prometheus."""

    @pytest.mark.parametrize("rule", rules(), ids=[r.get("alert") or r["record"] for r in rules()])
    def test_are_never_taken_together(self, rule: dict[str, Any]) -> None:
        found = AGGREGATION.findall(rule["expr"])

        assert [labels for labels in found if "namespace" not in labels.split(", ")] == []
        assert "ignoring" not in rule["expr"]

    @pytest.mark.parametrize("alert", alerts(), ids=NAMES)
    def test_are_told(self, alert: dict[str, Any]) -> None:
        told = alert["annotations"]["summary"].endswith(
            "{{ with $labels.namespace }} in {{ . }}{{ end }}"
        )

        assert told == (alert["alert"] != ALWAYS)

    def test_silence_only_their_own(self) -> None:
        config = load(PROMETHEUS / "alertmanager.yml")

        assert "namespace" in config["route"]["group_by"]
        assert all("namespace" in rule["equal"] for rule in config["inhibit_rules"])


class TestAlertmanager:
    def test_silences_only_by_alerts_that_exist(self) -> None:
        inhibitions = load(PROMETHEUS / "alertmanager.yml")["inhibit_rules"]
        matchers = [
            matcher
            for rule in inhibitions
            for matcher in rule["source_matchers"] + rule["target_matchers"]
        ]

        named = {
            name
            for matcher in matchers
            if matcher.startswith("alertname")
            for name in re.findall(r'"(.*)"', matcher)[0].split("|")
        }

        assert named
        assert named <= set(NAMES)

    def test_sends_its_token_to_no_host_that_may_be_somebodys(self) -> None:
        text = (PROMETHEUS / "alertmanager.yml").read_text()

        assert re.findall(r"https?://([^/\s]+)", text) == ["watchdog.example.com"]

    def test_keeps_no_secret(self) -> None:
        text = (PROMETHEUS / "alertmanager.yml").read_text()

        assert (
            re.findall(r"(?m)^\s*(?:routing_key|service_key|api_url|credentials|password):", text)
            == []
        )


class TestTheRules:
    def test_are_recorded_once(self) -> None:
        names = [rule["record"] for rule in rules() if "record" in rule]

        assert len(names) == len(set(names))
