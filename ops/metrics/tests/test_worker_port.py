"""The port of a real worker."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from http.client import HTTPConnection

import pytest
import structlog
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction

from ops import jobs
from ops.metrics.tests.running import TOKEN
from ops.tests.own_database import database_url, free_port, wait_for
from ops.tests.sample_tasks import HERE
from ops.tests.test_worker import WORKER

pytestmark = pytest.mark.django_db(transaction=True)

DONE = f'notevault_jobs_finished_total{{outcome="done",queue="tests",task="{HERE}.note_down"}} 1.0'


@pytest.fixture
def port(tmp_path):
    number = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "NOTEVAULT_PROCESS": "worker",
            "DATABASE_URL": database_url(),
            "METRICS_TOKEN": TOKEN,
            "WORKER_PORT": str(number),
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        },
    )
    yield number
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def ask(port, path):
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = client.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        client.close()


class TestAWorker:
    def test_is_alive_and_tells_of_its_jobs(self, port, tmp_path):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"), transaction.atomic():
            jobs.defer(f"{HERE}.note_down", text="hello")

        wait_for(lambda: ask(port, "/health/live")[0] == 200)
        wait_for(lambda: DONE in ask(port, "/metrics")[1])

        text = ask(port, "/metrics")[1]
        assert 'notevault_process_memory_bytes{process="worker"}' in text
        assert 'notevault_start_time_seconds{process="worker"}' in text
        assert "notevault_workers_alive" not in text
        assert list(tmp_path.iterdir()) == []


class TestAPort:
    def test_that_another_process_has_is_named(self, settings):
        with socket.socket() as other:
            other.bind(("0.0.0.0", 0))
            other.listen()
            settings.WORKER_PORT = number = other.getsockname()[1]

            with pytest.raises(CommandError, match=rf"^Port {number} is in use \(WORKER_PORT\)\.$"):
                call_command("worker")

    def test_that_is_none_is_named_too(self, settings):
        settings.WORKER_PORT = 65536

        with pytest.raises(CommandError, match=r"^Port 65536 cannot be used: "):
            call_command("worker")
