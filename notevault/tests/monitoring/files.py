"""What deploy/ holds for Prometheus and Grafana, as data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings

PROMETHEUS = Path(settings.BASE_DIR) / "deploy" / "prometheus"
GRAFANA = Path(settings.BASE_DIR) / "deploy" / "grafana"
RULE_TESTS = sorted(PROMETHEUS.glob("rules*_test.yml"))
DASHBOARDS = sorted(GRAFANA.glob("*.json"))

Dict = dict[str, Any]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rules() -> list[Dict]:
    return [rule for group in load(PROMETHEUS / "rules.yml")["groups"] for rule in group["rules"]]


def alerts() -> list[Dict]:
    return [rule for rule in rules() if "alert" in rule]


def recordings() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def dashboard(path: Path) -> Dict:
    found: Dict = json.loads(path.read_text())
    return found


def panels(path: Path) -> list[Dict]:
    return [panel for panel in dashboard(path)["panels"] if panel["type"] != "row"]


def queries() -> Iterator[tuple[str, str]]:
    """Where each expression of rules and dashboards stands, and the expression."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for path in DASHBOARDS:
        for panel in panels(path):
            for target in panel["targets"]:
                yield f"{path.name}: {panel['title']}", target["expr"]
        for annotation in dashboard(path)["annotations"]["list"]:
            yield f"{path.name}: {annotation['name']}", annotation["expr"]
        for variable in dashboard(path)["templating"]["list"]:
            if variable["type"] == "query":
                yield f"{path.name}: ${variable['name']}", _of_variable(variable["query"]["query"])


def _of_variable(query: str) -> str:
    """Grafana's label_values(selector, label) as PromQL."""
    found = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
    assert found is not None, query
    return f"count by ({found[2]}) ({found[1]})"


def as_prometheus_reads(expression: str) -> str:
    """With Grafana's variables filled in, for all instances."""
    return expression.replace("$__rate_interval", "5m").replace("$instance", ".*")
