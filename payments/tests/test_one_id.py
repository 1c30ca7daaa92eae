"""The id of one request, found by grep in all that it caused, in real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager

import orjson
import pytest
import requests
from django.conf import settings

from alerts.tests.sinks import sink
from ops.tests.own_database import database_url
from ops.tests.web_rig import HOST, free_port, launch, stop, wait_until_it_answers, written
from payments.tests.test_worker import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST_ID = "grep-for-this-one-id"


def environment():
    return {
        "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
        "DJANGO_READ_DOT_ENV": "false",
        "DATABASE_URL": database_url(),
        "LOG_LEVEL": "info",
        "LOG_JSON": "true",
    }


@contextmanager
def web():
    server = launch("notevault.wsgi:application", port=free_port(), **environment())
    try:
        wait_until_it_answers(server, "/health/live")
        yield server
    finally:
        stop(server)


@contextmanager
def worker(receiver):
    hook = {"SECURITY_WEBHOOK_URL": receiver.url, "ALERT_ALLOW_PRIVATE": "true"}
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker", "--queue", "alerts"],
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment(), **hook},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield out
        finally:
            process.terminate()
            process.wait(30)


def grep(file, until):
    """The lines with the id, once one of them is the event that is waited for."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = [line for line in written(file).splitlines() if REQUEST_ID in line]
        found = [orjson.loads(line) for line in lines]
        if any(line["event"] == until for line in found):
            return found
        time.sleep(0.2)
    pytest.fail(f"no line {until!r} with the id in:\n{written(file)}")


def told(receiver):
    """The ids in what the webhook was sent of it; watchers may tell of other things."""
    said = [body["data"] for body in receiver.bodies]
    return [one["request_id"] for one in said if one["kind"] == "payments.webhook_forged"]


@pytest.mark.timeout(240)
class TestTheIdOfARequest:
    def test_is_in_both_logs_in_the_alert_and_in_the_error(self):
        with sink() as receiver, web() as server, worker(receiver) as worker_log:
            answer = requests.post(
                f"http://{HOST}:{server.port}/api/v1/webhooks/razorpay",
                data=b"{}",
                headers={"X-Request-ID": REQUEST_ID, "X-Razorpay-Signature": "forged"},
                timeout=30,
            )
            in_web = grep(server.out, "request")
            in_worker = grep(worker_log, "alert")
            wait_for(lambda: told(receiver), seconds=30)

        assert (answer.status_code, answer.json()["request_id"]) == (400, REQUEST_ID)
        (line,) = [line for line in in_web if line["event"] == "request"]
        assert (line["request_id"], line["status"]) == (REQUEST_ID, 400)
        done = [line["task"] for line in in_worker if line["event"] == "job.done"]
        assert "alerts.tasks.deliver_alert" in done
        (alert,) = [line for line in in_worker if line["event"] == "alert"]
        assert alert["raised_by"] == REQUEST_ID
        assert told(receiver) == [REQUEST_ID]
