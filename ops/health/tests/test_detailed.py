"""The page that says how the system is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

import pytest
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from notevault.kit.tests.log_output import log_output
from ops import machine
from ops.health.check import Check, NotConfigured

HERE = "ops.health.tests.test_detailed"


@dataclass
class Well(Check):
    def run(self):
        self.details["jobs"] = 7


@dataclass
class Ailing(Check):
    def run(self):
        self.details["jobs"] = 700
        raise ServiceWarning("many jobs wait")


@dataclass
class Broken(Check):
    def run(self):
        raise ServiceUnavailable("nothing works")


@dataclass
class Buggy(Check):
    def run(self):
        raise KeyError("a secret")


@dataclass
class Unused(Check):
    def run(self):
        raise NotConfigured("no replica")


def detailed(client, **headers):
    response = client.get("/health/detailed", headers=headers)
    assert response["Cache-Control"] == "no-store"
    return response.status_code, response.json()


@pytest.fixture
def checks(settings, in_this_transaction):
    """Say which checks there are, by the names of the classes above."""

    def arrange(**names):
        settings.HEALTH_CHECKS = {line: f"{HERE}.{name}" for line, name in names.items()}

    settings.METRICS_TOKEN = "the-token"
    return arrange


TOKEN = {"Authorization": "Bearer the-token"}


class TestDetailed:
    def test_is_healthy_when_each_line_is(self, client, checks):
        checks(database="Well", queue="Well", replica="Unused")

        status, body = detailed(client)

        assert (status, body["status"]) == (200, "healthy")
        assert body["checks"]["replica"] == {"status": "not_configured"}

    @pytest.mark.parametrize("how", ["Ailing", "Broken", "Buggy"])
    def test_is_degraded_when_any_line_is_not(self, client, checks, how):
        checks(database="Well", migrations="Well", queue=how)

        status, body = detailed(client)

        assert (status, body["status"]) == (200, "degraded")

    @pytest.mark.parametrize("line", ["database", "migrations"])
    def test_is_unhealthy_without_the_database_or_its_migrations(self, client, checks, line):
        checks(**{"database": "Well", line: "Broken"})

        status, body = detailed(client)

        assert (status, body["status"]) == (503, "unhealthy")

    def test_says_when_for_how_long_and_of_what(self, client, checks, settings, monkeypatch):
        checks(database="Well")
        # Not the one process's: that of the master, which `/metrics` tells too.
        monkeypatch.setattr(machine, "started_at", lambda: time.time() - 5000)
        settings.VERSION = "1.2.3"

        _, body = detailed(client)

        assert list(body) == ["status", "timestamp", "uptime", "version", "checks"]
        assert datetime.fromisoformat(body["timestamp"]).utcoffset() is not None
        assert body["uptime"] == pytest.approx(5000, abs=10)
        assert body["version"] == "1.2.3"

    def test_of_a_check_that_fails_says_its_class_and_goes_on(self, client, checks):
        checks(database="Well", buggy="Buggy", queue="Well")

        with log_output("ERROR") as output:
            status, body = detailed(client, **TOKEN)

        assert status == 200
        assert body["checks"]["buggy"]["status"] == "unhealthy"
        assert body["checks"]["buggy"]["reason"] == "KeyError"
        assert body["checks"]["queue"]["status"] == "healthy"
        assert len(output.lines) == 1


class TestWhoMaySee:
    def test_nobody_in_particular_sees_statuses_only(self, client, checks):
        checks(database="Well", queue="Ailing")

        _, body = detailed(client)

        assert body["checks"] == {
            "database": {"status": "healthy"},
            "queue": {"status": "degraded"},
        }

    def test_the_token_shows_all(self, client, checks):
        checks(database="Well", queue="Ailing")

        _, body = detailed(client, **TOKEN)

        queue = body["checks"]["queue"]
        assert queue.pop("ms") >= 0
        assert queue == {"status": "degraded", "reason": "many jobs wait", "details": {"jobs": 700}}

    @pytest.mark.parametrize(
        "given", ["Bearer wrong", "Bearer ", "Bearer", "the-token", "Basic the-token", "Bearer é"]
    )
    def test_another_token_shows_nothing(self, client, checks, given):
        checks(database="Ailing")

        _, body = detailed(client, Authorization=given)

        assert body["checks"] == {"database": {"status": "degraded"}}

    def test_an_empty_token_is_none(self, client, checks, settings):
        checks(database="Ailing")
        settings.METRICS_TOKEN = ""

        _, body = detailed(client, Authorization="Bearer ")

        assert body["checks"] == {"database": {"status": "degraded"}}

    def test_staff_see_all(self, client, checks, moderator):
        checks(queue="Ailing")
        client.force_login(moderator)

        _, body = detailed(client)

        assert body["checks"]["queue"]["details"] == {"jobs": 700}

    def test_other_people_do_not(self, client, checks, buyer):
        checks(queue="Ailing")
        client.force_login(buyer)

        _, body = detailed(client)

        assert body["checks"]["queue"] == {"status": "degraded"}
