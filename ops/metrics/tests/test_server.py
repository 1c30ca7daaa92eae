"""The worker's own port."""

from __future__ import annotations

import socket
import time
from http.client import HTTPConnection

import pytest

from ops import heartbeats
from ops.instruments import JOBS_FINISHED
from ops.metrics import server
from ops.tests.own_database import free_port


@pytest.fixture
def port():
    number = free_port()
    with server.serving(port=number, host="127.0.0.1"):
        yield number


def ask(port, path, **headers):
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", path, headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    finally:
        client.close()


class TestMetrics:
    def test_are_those_of_this_process_and_not_the_database_s(self, port, settings):
        settings.METRICS_TOKEN = "right"
        JOBS_FINISHED.labels("a_queue", "a_task", "done").inc()

        status, text = ask(port, "/metrics", Authorization="Bearer right")

        assert status == 200
        assert 'notevault_jobs_finished_total{outcome="done",queue="a_queue",task="a_task"}' in text
        assert "notevault_process_memory_bytes{" in text
        assert "notevault_database_up" not in text
        assert "notevault_job_seconds_created" not in text

    @pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic right", "Bearer \xff"])
    def test_are_for_the_token_alone(self, port, settings, given):
        settings.METRICS_TOKEN = "right"

        assert ask(port, "/metrics", Authorization=given)[0] == 404

    def test_come_as_openmetrics_for_whoever_accepts_it(self, port, settings):
        settings.METRICS_TOKEN = "right"
        accept = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.1"

        _, text = ask(port, "/metrics", Authorization="Bearer right", Accept=accept)

        assert text.endswith("# EOF\n")


class TestLiveness:
    def test_is_a_young_heartbeat(self, port):
        heartbeats.note()

        assert ask(port, "/health/live") == (200, '{"status":"ok"}')

    def test_ends_with_it(self, port, monkeypatch):
        long_ago = time.monotonic() - heartbeats.STALLED_AFTER_S - 1
        monkeypatch.setattr(heartbeats, "_latest", long_ago)

        assert ask(port, "/health/live")[0] == 503

    def test_is_told_beside_clients_that_say_nothing(self, port):
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(server.AT_ONCE - 1)]
        heartbeats.note()

        assert ask(port, "/health/live")[0] == 200
        for client in silent:
            client.close()

    def test_is_told_beside_more_clients_that_never_end_than_there_are_places(self, port):
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(3 * server.AT_ONCE)]
        for client in slow:
            client.sendall(b"GET /health/live HTTP/1.1\r\nX-Slow: ")
        heartbeats.note()

        assert [ask(port, "/health/live")[0] for _ in range(3)] == [200] * 3

        for client in slow[-server.AT_ONCE + 3 :]:
            client.sendall(b"x\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.0 200")
        for client in slow:
            client.close()


class TestNoPort:
    def test_serves_nothing(self):
        with server.serving(port=0):
            pass
