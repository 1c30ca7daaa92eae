"""A real Alertmanager: who is told of what; `make monitoring` runs this."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from notevault.demo.processes import HOST
from notevault.tests.monitoring import programs
from notevault.tests.monitoring.conftest import free_port
from notevault.tests.monitoring.files import PROMETHEUS

pytestmark = pytest.mark.monitoring

Fire = Callable[..., set[str]]


@pytest.fixture
def fire(tmp_path: Path) -> Iterator[Fire]:
    """Let alerts fire together; the names of those that are silenced by the others."""
    config = programs.install(tmp_path, token="unused") / "alertmanager.yml"
    # Nobody is told within the time of a test, and there is nobody to reach.
    config.write_text(config.read_text().replace("https://", f"http://{HOST}:1/"))
    address = f"{HOST}:{free_port()}"
    command = (
        programs.find("prometheus-alertmanager", "alertmanager"),
        f"--config.file={config}",
        f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )
    with programs.running(*command, ready=f"http://{address}/-/ready", log=tmp_path / "log"):
        yield lambda *labels: _fire(f"http://{address}/api/v2/alerts", labels)


def _fire(url: str, labels: tuple[dict[str, str], ...]) -> set[str]:
    body = [{"labels": {"environment": "production", **given}} for given in labels]
    assert requests.post(url, json=body, timeout=10).status_code == 200

    def states() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(url, timeout=10).json()
        return found

    programs.until(
        lambda: (
            len(found := states()) == len(labels)
            and all(one["status"]["state"] != "unprocessed" for one in found)
        ),
        else_say=states,
    )
    return {_name(one["labels"]) for one in states() if one["status"]["inhibitedBy"]}


def _name(labels: dict[str, str]) -> str:
    return " ".join([labels["alertname"], *filter(None, [labels.get("instance")])])


def alert(name: str, severity: str = "warning", **labels: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, **labels}


def critical(name: str, **labels: str) -> dict[str, str]:
    return alert(name, "critical", **labels)


class TestWhenNobodyAnswers:
    def test_one_alert_is_heard(self, fire: Fire) -> None:
        silenced = fire(
            critical("ApiDown", job="notevault-api"),
            alert("TargetDown", job="notevault-api", instance="a"),
            critical("BackupTooOld", source="database"),
            alert("UptimeLow"),
            alert("Watchdog", "none"),
        )

        assert silenced == {"TargetDown a", "BackupTooOld", "UptimeLow"}


class TestWhenNobodyAnswersInOneNamespace:
    def test_the_other_is_heard(self, fire: Fire) -> None:
        silenced = fire(
            critical("ApiDown", namespace="staging"),
            critical("BackupTooOld", source="database", namespace="staging", instance="staging"),
            critical("BackupTooOld", source="database", namespace="shop", instance="shop"),
        )

        assert silenced == {"BackupTooOld staging"}


class TestWhenTheDatabaseIsAway:
    def test_what_rests_on_it_is_not_heard(self, fire: Fire) -> None:
        silenced = fire(
            critical("DatabaseUnreachable"),
            critical("LedgerProofFailed", source="database"),
            alert("ErrorRateHigh"),
            alert("MemoryHigh", job="notevault-api", instance="a"),
        )

        assert silenced == {"LedgerProofFailed", "ErrorRateHigh"}


class TestWhenOneProcessIsDown:
    def test_only_its_own_alerts_are_silenced(self, fire: Fire) -> None:
        silenced = fire(
            alert("TargetDown", job="notevault-api", instance="a"),
            alert("MemoryHigh", job="notevault-api", instance="a"),
            alert("MemoryHigh", job="notevault-api", instance="b"),
            alert("ErrorRateHigh"),
        )

        assert silenced == {"MemoryHigh a"}


class TestWhenNoWorkerRuns:
    def test_that_everything_waits_is_not_heard(self, fire: Fire) -> None:
        silenced = fire(
            critical("WorkerMissing", source="database"),
            critical("QueueStalled", source="database", queue="payments"),
            alert("TargetDown", job="notevault-worker", instance="w"),
            alert("TargetDown", job="notevault-api", instance="a"),
            critical("CircuitBreakerOpen", source="database", breaker="razorpay"),
        )

        assert silenced == {"QueueStalled", "TargetDown w"}


class TestAQueueThatStandsStill:
    def test_silences_its_own_warning_alone(self, fire: Fire) -> None:
        silenced = fire(
            critical("QueueStalled", queue="payments", instance="payments"),
            alert("QueueDelayed", queue="payments", instance="payments"),
            alert("QueueDelayed", queue="mails", instance="mails"),
        )

        assert silenced == {"QueueDelayed payments"}


class TestWhoIsTold:
    @pytest.mark.parametrize(
        ("labels", "receiver"),
        [
            (["alertname=Watchdog", "severity=none"], "dead-mans-switch"),
            (["alertname=WorkerMissing", "severity=critical"], "pager"),
            (["alertname=CpuHigh", "severity=warning"], "chat"),
        ],
    )
    def test_depends_on_how_bad_it_is(self, labels: list[str], receiver: str) -> None:
        config = PROMETHEUS / "alertmanager.yml"

        said = programs.run(
            *(programs.find("amtool"), "config", "routes", "test"),
            *(f"--config.file={config}", f"--verify.receivers={receiver}", *labels),
        )

        assert receiver in said
