"""The page as it is, with every line of settings."""

from __future__ import annotations

import pytest

LINES = {
    "database",
    "migrations",
    "replica",
    "queue",
    "workers",
    "dead_letters",
    "breakers",
    "gateway",
    "webhooks",
    "ledger",
    "storage",
    "disk",
    "memory",
    "clock",
    "configuration",
}


@pytest.mark.django_db(transaction=True)
class TestThePage:
    def test_has_each_line_and_no_line_that_breaks(self, client, settings):
        settings.METRICS_TOKEN = "the-token"

        response = client.get("/health/detailed", headers={"Authorization": "Bearer the-token"})

        checks = response.json()["checks"]
        assert response.status_code == 200
        assert checks.keys() >= LINES
        assert {line["status"] for line in checks.values()} <= {
            "healthy",
            "degraded",
            "not_configured",
        }
        assert checks["replica"]["status"] == "not_configured"
        assert all(line["ms"] < 1000 for line in checks.values())

    def test_tells_a_stranger_no_more_than_statuses(self, client):
        checks = client.get("/health/detailed").json()["checks"]

        assert {tuple(line) for line in checks.values()} == {("status",)}
