"""A real Prometheus scrapes the shop; `make monitoring` runs this."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from notevault.demo.processes import HOST
from notevault.tests.monitoring import programs
from notevault.tests.monitoring.conftest import TOKEN, Shop, free_port
from notevault.tests.monitoring.files import alerts, as_prometheus_reads, queries, recordings

# The second has pytest-django make the database that the shop runs on.
pytestmark = [pytest.mark.monitoring, pytest.mark.django_db]


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        reply = requests.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=10).json()
        assert reply["status"] == "success", (parameters, reply)
        return reply["data"]

    def values(self, expression: str) -> list[float]:
        """Of each series that the expression gives."""
        found = self.ask("query", query=expression)["result"]
        return sorted(float(series["value"][1]) for series in found)

    def targets(self) -> list[tuple[str, str, str]]:
        """Job, health and last error of each."""
        found = self.ask("targets")["activeTargets"]
        return sorted((one["labels"]["job"], one["health"], one["lastError"]) for one in found)

    def has(self, expression: str) -> bool:
        return bool(self.values(expression))


@pytest.fixture(scope="module")
def prometheus(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    folder = tmp_path_factory.mktemp("prometheus")
    installed = programs.install(folder, token=TOKEN)
    programs.aim(installed, api=[shop.web], worker=[shop.worker])
    server = Prometheus(f"http://{HOST}:{free_port()}")
    command = (
        programs.find("prometheus"),
        f"--config.file={installed / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={server.url.removeprefix('http://')}",
    )
    with programs.running(*command, ready=f"{server.url}/-/ready", log=folder / "log"):
        for job in ("notevault-api", "notevault-worker"):
            programs.until(
                lambda job=job: server.values(f'up{{job="{job}"}}') == [1],
                else_say=server.targets,
            )
        yield server


class TestWebAndWorker:
    def test_are_up(self, prometheus: Prometheus) -> None:
        assert prometheus.targets() == [
            ("notevault-api", "up", ""),
            ("notevault-worker", "up", ""),
        ]
        assert prometheus.values("up == 1") == [1, 1]

    def test_tell_what_the_database_holds(self, prometheus: Prometheus) -> None:
        assert prometheus.values("notevault_database_up") == [1]
        assert prometheus.values("notevault_ledger_proof_broken_rows") == [0]
        assert prometheus.values("notevault_workers_alive") == [1]
        assert prometheus.values("count(notevault_backup_size_bytes)") == [1]

    def test_tell_of_themselves(self, prometheus: Prometheus) -> None:
        memory = prometheus.values("notevault_process_memory_bytes")
        pools = prometheus.values(
            'notevault_db_pool_connections{job="notevault-api", state="limit"}'
        )

        assert [size > 2**20 for size in memory] == [True, True]
        assert len(pools) == 1

    def test_count_requests_of_both_web_processes(self, prometheus: Prometheus, shop: Shop) -> None:
        query = 'sum(notevault_http_requests_total{route="api/v1/notes", status="200"})'
        headers = {"Host": "api.notevault.com", "X-Forwarded-Proto": "https"}

        for _ in range(20):
            reply = requests.get(f"http://{shop.web}/api/v1/notes", headers=headers, timeout=10)
            assert reply.status_code == 200

        programs.until(
            lambda: prometheus.values(query) == [20], else_say=lambda: prometheus.values(query)
        )

    def test_say_nothing_to_a_stranger(self, shop: Shop) -> None:
        for target in (shop.web, shop.worker):
            assert shop.metrics(target, token="guessed").status_code == 404


class TestTheRules:
    def test_are_loaded_and_evaluated_without_an_error(self, prometheus: Prometheus) -> None:
        def loaded() -> list[dict[str, Any]]:
            groups = prometheus.ask("rules")["groups"]
            return [rule for group in groups for rule in group["rules"]]

        programs.until(lambda: all(r["health"] == "ok" for r in loaded()), else_say=loaded)

        assert {rule["name"] for rule in loaded()} == recordings() | {
            alert["alert"] for alert in alerts()
        }

    def test_call_nobody_while_the_shop_is_well(self, prometheus: Prometheus) -> None:
        programs.until(
            lambda: prometheus.has('ALERTS{alertname="Watchdog", alertstate="firing"}'),
            else_say=lambda: prometheus.ask("alerts"),
        )

        # A scrape of this machine may take longer than its second: `up` is not looked at.
        others = 'ALERTS{alertname!~"Watchdog|ApiDown|TargetDown|UptimeLow"}'
        # Before the first scrape there is no backup yet.
        programs.until(
            lambda: not prometheus.has(others), else_say=lambda: prometheus.ask("alerts")
        )


class TestEachQueryOfADashboard:
    def test_is_understood(self, prometheus: Prometheus) -> None:
        for _, expression in queries():
            prometheus.ask("query", query=as_prometheus_reads(expression))


class TestTheMetrics:
    @pytest.mark.parametrize("process", ["web", "worker"])
    def test_please_promtool(self, shop: Shop, process: str) -> None:
        reply = shop.metrics(getattr(shop, process))

        assert reply.status_code == 200
        assert (
            programs.run(programs.find("promtool"), "check", "metrics", stdin=reply.content) == ""
        )


class TestTheConfiguration:
    def test_pleases_promtool(self, tmp_path: Path) -> None:
        installed = programs.install(tmp_path, token=TOKEN)

        said = programs.run(
            programs.find("promtool"), "check", "config", installed / "prometheus.yml"
        )

        assert "is valid prometheus config file" in said
