"""Probes of Kubernetes and load balancers."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError, connection

from notevault.kit.tests.log_output import log_output
from ops import breakers
from ops.states import Forced


class Gone:
    def __init__(self, error):
        self.error = error

    def __call__(self, *_args, **_kwargs):
        raise self.error


class TestLive:
    def test_says_ok_without_a_query(self, client, db, django_assert_num_queries):
        with django_assert_num_queries(0):
            response = client.get("/health/live")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_says_ok_while_the_database_is_away(self, client):
        assert client.get("/health/live").status_code == 200  # no `db`: it would be refused


@pytest.mark.django_db
class TestReady:
    def test_says_ok_when_the_database_answers(self, client, django_assert_num_queries):
        with django_assert_num_queries(1):
            response = client.get("/health/ready")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    @pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("closed")])
    def test_says_503_when_it_does_not(self, client, monkeypatch, error):
        monkeypatch.setattr(connection, "cursor", Gone(error))

        response = client.get("/health/ready")

        assert response.status_code == 503
        assert "away" not in response.content.decode()

    @pytest.mark.parametrize("accept", ["*/*", "text/html", "application/xml", "strange"])
    def test_answers_in_json_whatever_is_asked_for(self, client, accept):
        response = client.get("/health/ready", headers={"accept": accept})

        assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.django_db
class TestProbes:
    @pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
    def test_need_no_https_and_no_name_of_ours(self, client, settings, path):
        settings.SECURE_SSL_REDIRECT = True
        settings.ALLOWED_HOSTS = ["api.example.com"]

        for host in ("10.1.2.3:5001", "[fd00::1]:5001", "api.example.com"):
            assert client.get(path, headers={"host": host}).status_code == 200

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
    def test_fill_no_log(self, client, path):
        with log_output("DEBUG") as output:
            client.get(path)

        assert output.lines == []

    @pytest.mark.parametrize(
        "path", ["/health/", "/health/live/", "/health/ready2", "/Health/live"]
    )
    def test_open_nothing_else(self, client, settings, path):
        settings.ALLOWED_HOSTS = ["api.example.com"]

        assert client.get(path, headers={"host": "10.1.2.3"}).status_code == 400
        assert client.get(path, headers={"host": "api.example.com"}).status_code == 404


@pytest.mark.django_db
class TestDetailed:
    def detailed(self, client):
        response = client.get("/health/detailed")
        return response.status_code, response.json()

    def test_is_healthy_while_every_breaker_is_closed(self, client):
        breakers.admit("razorpay")

        status, body = self.detailed(client)

        assert (status, body["status"]) == (200, "healthy")
        assert body["checks"] == {"database": "ok", "breakers": {"razorpay": "closed"}}

    def test_is_degraded_while_one_is_open(self, client):
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)

        status, body = self.detailed(client)

        assert (status, body["status"]) == (200, "degraded")
        assert body["checks"]["breakers"] == {"razorpay": "open"}

    def test_is_unhealthy_without_the_database(self, client, monkeypatch):
        monkeypatch.setattr(connection, "cursor", Gone(OperationalError("away")))

        status, body = self.detailed(client)

        assert (status, body["status"]) == (503, "unhealthy")


@pytest.mark.django_db
class TestMetrics:
    def test_show_breakers_and_dead_letters(self, client, settings):
        settings.DEBUG = True
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)

        text = client.get("/metrics").content.decode()

        name = "notevault_circuit_breaker_state"
        assert f'{name}{{breaker="razorpay",state="open"}} 1.0' in text
        assert f'{name}{{breaker="razorpay",state="closed"}} 0.0' in text
        assert 'notevault_dead_letters{state="open"} 0.0' in text

    @pytest.mark.parametrize(("given", "status"), [("right", 200), ("wrong", 404), ("", 404)])
    def test_are_for_whoever_holds_the_token(self, client, settings, given, status):
        settings.METRICS_TOKEN = "right"

        response = client.get("/metrics", headers={"Authorization": f"Bearer {given}"})

        assert response.status_code == status

    def test_are_not_there_without_a_token_in_production(self, client, settings):
        settings.DEBUG = False

        assert client.get("/metrics").status_code == 404
