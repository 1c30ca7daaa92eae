"""A worker that is told to stop, as a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import orjson
import pytest
import structlog
from django.conf import settings
from django.db import connection, transaction

from ops import jobs
from ops.tests.hanging_database import database_that_may_hang, database_url
from ops.tests.sample_tasks import HERE, QUEUE
from ops.worker import GIVE_BACK_S

pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import django
django.setup()
import ops.tests.sample_tasks
from django.core.management import call_command
call_command("worker", "--queue", "tests", "--concurrency", "2")
"""


def rows(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def queue():
    found = rows(
        "SELECT task_name, status, attempts FROM procrastinate_jobs"
        f" WHERE queue_name = '{QUEUE}' ORDER BY id"
    )
    return [(name.removeprefix(f"{HERE}."), status, attempts) for name, status, attempts in found]


@pytest.fixture(autouse=True)
def _empty_queue():
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
        cursor.execute("DELETE FROM procrastinate_workers")


@pytest.fixture
def story(tmp_path):
    return tmp_path / "story"


def defer(task, **arguments):
    with structlog.contextvars.bound_contextvars(request_id="caller-id"), transaction.atomic():
        jobs.defer(f"{HERE}.{task}", **arguments)


@contextmanager
def working(story, *, grace_s=25.0, url=""):
    """A worker whose first job has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": url or database_url(),
            "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
            "DJANGO_READ_DOT_ENV": "false",
            "WORKER_GRACE_S": str(grace_s),
            "LOG_LEVEL": "info",
            "LOG_JSON": "true",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 30
        while not story.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def end_of(process):
    """Its exit code and the lines it wrote, each of which is JSON; none went to stderr."""
    out, errors = process.communicate(timeout=30)
    assert errors == b""
    return process.returncode, [orjson.loads(line) for line in out.splitlines()]


def events(lines):
    return [line["event"] for line in lines if line["logger"] == "notevault.worker"]


class TestAtTheFirstSignal:
    @pytest.mark.parametrize("asked_with", [signal.SIGTERM, signal.SIGINT])
    def test_the_jobs_under_way_end_and_no_other_begins(self, story, asked_with):
        defer("take_a_while", seconds=1, path=str(story))
        defer("take_a_while", seconds=1, path=str(story))
        defer("note_down", text="for the next worker")

        with working(story) as worker:
            time.sleep(0.2)
            worker.send_signal(asked_with)
            code, lines = end_of(worker)

        assert code == 0
        assert story.read_text() == "begun begun donedone"
        assert queue() == [
            ("take_a_while", "succeeded", 1),
            ("take_a_while", "succeeded", 1),
            ("note_down", "todo", 0),
        ]
        assert events(lines) == ["worker.up", "worker.draining", "worker.down"]

    def test_a_job_that_takes_too_long_goes_back_to_the_queue(self, story):
        defer("take_a_while", seconds=60, path=str(story))

        with working(story, grace_s=0.5) as worker:
            asked_at = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            code, lines = end_of(worker)

        assert code == 0
        assert 0.5 <= time.monotonic() - asked_at < 5
        assert queue() == [("take_a_while", "todo", 1)]
        assert rows("SELECT count(*) FROM procrastinate_workers") == [(0,)]
        assert events(lines) == [
            *("worker.up", "worker.draining", "job.given_back", "worker.down"),
        ]
        (given_back,) = [line for line in lines if line["event"] == "job.given_back"]
        assert (given_back["task"], given_back["request_id"]) == (
            f"{HERE}.take_a_while",
            "caller-id",
        )

    def test_a_database_that_hangs_does_not_hold_the_worker(self, story):
        defer("take_a_while", seconds=60, path=str(story))

        with (
            database_that_may_hang() as (url, hangs),
            working(story, grace_s=0.5, url=url) as worker,
        ):
            hangs.set()
            asked_at = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            code, lines = end_of(worker)

        assert code == 1
        assert time.monotonic() - asked_at < 0.5 + GIVE_BACK_S + 2
        assert events(lines)[-2:] == ["worker.gave_nothing_back", "worker.down"]
        assert queue() == [("take_a_while", "doing", 0)]

    def test_an_idle_worker_ends_at_once(self, story):
        defer("take_a_while", seconds=0, path=str(story))

        with working(story) as worker:
            time.sleep(0.3)
            asked_at = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            code, _ = end_of(worker)

        assert code == 0
        assert time.monotonic() - asked_at < 4


class TestAtTheSecondSignal:
    def test_the_jobs_under_way_go_back_at_once(self, story):
        defer("take_a_while", seconds=60, path=str(story))

        with working(story) as worker:
            worker.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            asked_at = time.monotonic()
            worker.send_signal(signal.SIGTERM)
            code, _ = end_of(worker)

        assert code == 0
        assert time.monotonic() - asked_at < 4
        assert queue() == [("take_a_while", "todo", 1)]
