"""The figures as people see them."""

from __future__ import annotations

import math

import pytest
from django.db import OperationalError

from notevault.kit import clock
from ops import breakers
from ops.metrics import rows, summary
from ops.models import DeadLetter
from ops.states import Forced

TOKEN = {"Authorization": "Bearer right"}


@pytest.fixture(autouse=True)
def nothing_remembered(settings):
    settings.METRICS_TOKEN = "right"
    for answer in (rows.answer, summary.answer):
        answer.forget()
    yield
    for answer in (rows.answer, summary.answer):
        answer.forget()


@pytest.mark.django_db(transaction=True)
class TestTheSummary:
    def test_has_every_part_of_its_description(self, client, note):
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)
        DeadLetter.objects.create(
            **{"task": "alerts.tasks.send", "arguments": {}, "error": "x", "attempts": 1},
            **{"job_id": 1, "buried_at": clock.now(), "last_failed_at": clock.now()},
        )
        for _ in range(3):
            client.get(f"/api/v1/notes/{note.pk}")

        response = client.get("/metrics/json", headers=TOKEN)

        found = response.json()
        assert (response.status_code, response["Content-Type"]) == (200, "application/json")
        assert set(found) == {
            *("timestamp", "version", "uptime_s", "http", "database", "jobs", "upstreams"),
            *("circuit_breakers", "dead_letters", "webhooks", "orders", "downloads", "alerts"),
            *("ledger_proof", "memory"),
        }
        assert found["circuit_breakers"] == {"razorpay": "open"}
        assert found["dead_letters"]["open"] == 1
        # Of what workers count too, the web knows a part only: it says nothing.
        assert found["alerts"] == {"undelivered": 1, "dead_letters": 1}
        assert set(found["orders"]) == {"created", "awaiting_payment"}
        assert found["database"]["up"] is True
        assert found["database"]["pool"]["limit"] >= 1
        assert found["jobs"]["queues"]["payments"] == {
            **{"todo": 0, "doing": 0, "failed": 0},
            "oldest_due_s": 0.0,
        }
        (route,) = (
            route
            for route in found["http"]["routes"]
            if (route["method"], route["route"]) == ("GET", "api/v1/notes/<uuid:note_id>")
        )
        assert route["requests"] >= 3
        assert 0 < route["p50_ms"] <= route["p95_ms"] <= route["p99_ms"]
        assert found["http"]["requests"] >= 3
        assert found["memory"]["bytes"] > 10_000_000

    def test_says_what_it_knows_while_the_database_is_away(self, client, monkeypatch):
        def away():
            raise OperationalError("away")

        monkeypatch.setattr(rows, "read", away)

        response = client.get("/metrics/json", headers=TOKEN)

        found = response.json()
        assert response.status_code == 200
        assert found["database"]["up"] is False
        assert (found["circuit_breakers"], found["jobs"]["queues"]) == ({}, {})
        assert found["webhooks"]["unhandled"] is None

    @pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic right", "right"])
    def test_is_for_the_token_alone(self, client, given):
        assert client.get("/metrics/json", headers={"Authorization": given}).status_code == 404


class TestAPercentile:
    BUCKETS = [(0.1, 50.0), (0.5, 90.0), (1.0, 100.0), (math.inf, 100.0)]

    @pytest.mark.parametrize(
        ("percent", "expected"), [(25, 50), (50, 100), (70, 300), (90, 500), (95, 750), (100, 1000)]
    )
    def test_lies_in_proportion_within_its_bucket(self, percent, expected):
        assert summary.percentile_ms(self.BUCKETS, percent) == expected

    def test_beyond_the_last_bound_is_that_bound(self):
        assert summary.percentile_ms([(0.1, 1.0), (math.inf, 100.0)], 95) == 100

    @pytest.mark.parametrize("buckets", [[], [(0.1, 0.0), (math.inf, 0.0)]])
    def test_of_nothing_is_nothing(self, buckets):
        assert summary.percentile_ms(buckets, 95) is None
