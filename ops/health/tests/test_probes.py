"""What Kubernetes and load balancers are told."""

from __future__ import annotations

import time

import pytest
from django.db import connection

from notevault.kit.tests.log_output import log_output
from ops import draining
from ops.health.tests.silent_server import silent_server


@pytest.fixture
def told_to_stop():
    draining.begin()
    yield
    draining._told.clear()


def ready(client):
    response = client.get("/health/ready")
    return response.status_code, response.json()


def unready(reason):
    return 503, {"status": "unavailable", "reason": reason}


READY = (200, {"status": "ok"})


class TestLive:
    def test_says_ok_without_a_query(self, client, db, django_assert_num_queries):
        with django_assert_num_queries(0):
            response = client.get("/health/live")

        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    def test_says_ok_while_the_database_is_away(self, client):
        assert client.get("/health/live").status_code == 200  # no `db`: it would be refused

    def test_says_ok_while_the_process_drains(self, client, told_to_stop):
        assert client.get("/health/live").status_code == 200


@pytest.mark.django_db
class TestReady:
    def test_says_ok_when_the_database_answers(self, client):
        assert ready(client) == READY

    def test_says_503_when_it_refuses(self, client, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")

        assert ready(client) == unready("database")

    def test_says_503_in_time_when_it_says_nothing(self, client, monkeypatch):
        with silent_server() as (host, port):
            monkeypatch.setitem(connection.settings_dict, "HOST", host)
            monkeypatch.setitem(connection.settings_dict, "PORT", str(port))
            started = time.monotonic()
            first = ready(client)
            first_took = time.monotonic() - started
            second = ready(client)
            both_took = time.monotonic() - started

        assert (first, second) == (unready("database"), unready("database"))
        assert first_took < 2
        assert both_took - first_took < 0.5  # the question hangs already

    def test_says_503_while_the_process_drains(self, client, told_to_stop):
        assert ready(client) == unready("draining")

    def test_says_at_once_that_the_process_drains(self, client):
        assert ready(client) == READY

        draining.begin()

        assert ready(client) == unready("draining")
        draining._told.clear()

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
