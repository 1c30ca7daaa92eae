"""What is read of the database: little, by indexes, and in time."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from notevault.kit import clock
from ops import breakers
from ops.health.jobs import _DUE, due_jobs
from ops.metrics import rows
from ops.metrics.cellar import _QUEUES
from ops.models import DeadLetter
from ops.states import Forced, LetterState

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered():
    rows.answer.forget()
    yield
    rows.answer.forget()


def sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def read():
    """By name and labels."""
    return {
        (sample.name.removeprefix("notevault_"), *sample.labels.values()): sample.value
        for family in rows.read()
        for sample in family.samples
    }


def add_jobs(count, *, status="todo", queue="payments", scheduled=None):
    sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at)"
        " SELECT %s, 'a_task', %s::procrastinate_job_status, %s FROM generate_series(1, %s)",
        *(queue, status, scheduled, count),
    )


class TestTheQueue:
    def test_is_counted_by_queue_and_status_and_what_is_done_is_not(self):
        add_jobs(3)
        add_jobs(2, status="failed", queue="mails")
        add_jobs(9, status="succeeded")

        found = read()

        assert (found["jobs", "payments", "todo"], found["jobs", "mails", "failed"]) == (3, 2)
        assert found["jobs", "mails", "todo"] == 0
        assert ("jobs", "payments", "succeeded") not in found

    def test_is_as_old_as_its_oldest_due_job(self):
        add_jobs(1)
        sql("UPDATE procrastinate_events SET at = now() - interval '5 minutes'")
        add_jobs(1)
        add_jobs(1, queue="mails", scheduled=clock.now() - timedelta(seconds=30))
        add_jobs(1, queue="files", scheduled=clock.now() + timedelta(hours=1))

        found = read()

        assert found["jobs_oldest_due_seconds", "payments"] == pytest.approx(300, abs=5)
        assert found["jobs_oldest_due_seconds", "mails"] == pytest.approx(30, abs=5)
        assert found["jobs_oldest_due_seconds", "files"] == 0

    def test_that_came_back_is_as_old_as_health_says(self):
        add_jobs(1)
        sql("UPDATE procrastinate_events SET at = now() - interval '5 minutes'")
        sql(
            "INSERT INTO procrastinate_events (job_id, type, at)"
            " SELECT id, 'deferred_for_retry', now() - interval '1 minute' FROM procrastinate_jobs"
        )

        found = read()

        ((queue, _, age_s),) = due_jobs()
        assert found["jobs_oldest_due_seconds", queue] == pytest.approx(age_s, abs=5)
        assert age_s == pytest.approx(60, abs=5)

    def test_is_read_without_looking_at_what_is_done(self):
        sql("SET LOCAL enable_seqscan = off")

        plan = "\n".join(line for query in (_QUEUES, _DUE) for (line,) in sql(f"EXPLAIN {query}"))

        assert "Seq Scan" not in plan
        assert "jobs_failed" in plan

    def test_counts_workers_that_gave_a_sign_of_life(self):
        sql("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()), (now())")
        sql("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 min')")

        assert read()["workers_alive",] == 2


class TestTheCellar:
    def test_shows_the_state_that_calls_meet(self):
        breakers.admit("cloudinary")
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)

        found = read()

        states = {key[1:]: value for key, value in found.items() if "breaker_state" in key[0]}
        assert {key for key, value in states.items() if value} == {
            ("razorpay", "open"),
            ("cloudinary", "closed"),
        }

    def test_counts_letters_by_state_and_open_ones_by_task(self):
        for number, (task, state) in enumerate(
            [("a.task", "open"), ("a.task", "open"), ("b.task", "open"), ("b.task", "resolved")]
        ):
            DeadLetter.objects.create(
                **{"task": task, "state": state, "arguments": {}, "error": "x", "attempts": 1},
                **{"job_id": number, "buried_at": clock.now(), "last_failed_at": clock.now()},
            )

        found = read()

        assert found["dead_letters", "open"] == 3
        assert found["dead_letters", "discarded"] == 0
        assert (found["dead_letters_open", "a.task"], found["dead_letters_open", "b.task"]) == (
            2,
            1,
        )
        assert set(LetterState.values) == {key[1] for key in found if key[0] == "dead_letters"}

    def test_counts_connections_below_their_limit(self):
        found = read()

        assert 1 <= found["db_connections",] <= found["db_connections_limit",]
        assert found["db_connections_limit",] == int(sql("SHOW max_connections")[0][0]) - 3


class TestOneThatFails:
    def test_keeps_the_others_from_nobody(self, monkeypatch):
        class Slow:
            def collect(self):
                sql("SET LOCAL statement_timeout = '20ms'")
                sql("SELECT pg_sleep(1)")

        monkeypatch.setattr(rows, "_collectors", [Slow(), *rows._collectors])

        assert ("workers_alive",) in read()


class TestTheAnswer:
    def test_is_asked_for_once_a_second(self, monkeypatch):
        asked = []
        monkeypatch.setattr(rows, "read", lambda: asked.append(1) or [])

        for _ in range(5):
            rows.latest()

        assert len(asked) == 1

    def test_says_when_the_database_is_away(self, monkeypatch):
        def away():
            raise OperationalError("away")

        monkeypatch.setattr(rows, "read", away)

        (family,) = rows.latest()

        assert (family.name, family.samples[0].value) == ("notevault_database_up", 0)

    def test_does_not_wait_for_one_that_hangs(self, monkeypatch):
        monkeypatch.setattr(rows, "read", lambda: time.sleep(1.0) or [])
        monkeypatch.setattr(rows, "WAIT_S", 0.1)
        started = time.monotonic()

        (family,) = rows.latest()

        assert family.samples[0].value == 0
        assert time.monotonic() - started < 0.8
