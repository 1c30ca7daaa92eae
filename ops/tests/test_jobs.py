"""Background jobs: deferred with their transaction, run by a real worker."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import orjson
import psycopg
import pytest
import structlog
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from procrastinate import exceptions
from procrastinate.contrib.django import app

from notevault.kit.tests.log_output import log_output
from ops import jobs
from ops.heartbeats import STALLED_AFTER_S
from ops.models import DeadLetter
from ops.tasks import remove_what_is_over, retry_stalled_jobs
from ops.tests import sample_tasks
from ops.tests.sample_tasks import HERE, QUEUE
from ops.transactions import is_conflict

NOTE_DOWN = f"{HERE}.note_down"


def sql(statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall() if cursor.description else None


def queue():
    """Task, state and number of finished attempts of each of our jobs, oldest first."""
    rows = sql(
        "SELECT task_name, status, attempts FROM procrastinate_jobs WHERE queue_name = %s"
        " ORDER BY id",
        QUEUE,
    )
    return [(name.removeprefix(f"{HERE}."), status, attempts) for name, status, attempts in rows]


def arguments():
    rows = sql("SELECT args::text FROM procrastinate_jobs ORDER BY id")
    return [orjson.loads(args) for (args,) in rows]


@pytest.fixture(autouse=True)
def _empty_queue(db):
    # The queue's tables are not Django's own, so no test run empties them.
    sample_tasks.ran.clear()
    structlog.contextvars.clear_contextvars()
    sql("DELETE FROM procrastinate_jobs")
    sql("DELETE FROM procrastinate_workers")
    yield
    sql("DELETE FROM procrastinate_jobs")


@pytest.fixture
def defer():
    def write(task, **options):
        jobs.defer(f"{HERE}.{task}", **options)

    return write


class TestDefer:
    pytestmark = pytest.mark.django_db

    def test_shows_a_deadlock_to_whoever_repeats_the_transaction(self, defer, monkeypatch):
        def deadlock(**_):
            try:
                raise psycopg.errors.DeadlockDetected
            except psycopg.Error as error:
                raise exceptions.ConnectorException from error

        monkeypatch.setattr(jobs._manager, "defer_job", deadlock)

        with pytest.raises(OperationalError) as raised:
            defer("note_down", text="hello")

        assert is_conflict(raised.value)

    def test_writes_a_job_of_the_declared_queue(self, defer):
        defer("note_down", text="hello")

        assert queue() == [("note_down", "todo", 0)]

    def test_carries_the_request_id(self, defer):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"):
            defer("note_down", text="hello")

        assert arguments() == [{"text": "hello", "request_id": "caller-id"}]

    def test_makes_a_request_id_outside_of_a_request(self, defer):
        defer("note_down", text="hello")

        (args,) = arguments()
        assert args["request_id"].startswith("req_")

    def test_can_be_told_to_wait(self, defer):
        defer("note_down", text="hello", delay=timedelta(minutes=5))

        ((due_in,),) = sql(
            "SELECT extract(epoch FROM scheduled_at - now())::float FROM procrastinate_jobs"
        )
        assert 295 < due_in <= 300.5

    def test_refuses_a_task_that_nobody_declared(self, defer):
        with pytest.raises(KeyError):
            defer("nothing")

        assert queue() == []


class TestOncePer:
    pytestmark = pytest.mark.django_db

    def test_keeps_one_waiting_job(self, defer):
        for text in ("first", "second"):
            defer("note_down", once_per="key", text=text)

        assert [args["text"] for args in arguments()] == ["first"]

    def test_tells_keys_apart(self, defer):
        for key in ("one", "other"):
            defer("note_down", once_per=key, text=key)

        assert [args["text"] for args in arguments()] == ["one", "other"]

    def test_lets_another_wait_while_one_runs(self, defer):
        defer("note_down", once_per="key", text="first")
        sql("UPDATE procrastinate_jobs SET status = 'doing'")

        defer("note_down", once_per="key", text="second")

        assert [args["text"] for args in arguments()] == ["first", "second"]

    def test_does_not_spoil_the_caller_s_transaction(self, defer):
        with transaction.atomic():
            defer("note_down", once_per="key", text="first")
            defer("note_down", once_per="key", text="second")
            defer("note_down", text="third")

        assert [args["text"] for args in arguments()] == ["first", "third"]


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    def test_that_rolls_back_leaves_no_job(self, defer):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            defer("note_down", text="hello")
            defer("note_down", once_per="key", text="hello")
            raise ZeroDivisionError

        assert queue() == []

    def test_that_commits_leaves_its_job(self, defer):
        with transaction.atomic():
            defer("note_down", text="hello")

        assert queue() == [("note_down", "todo", 0)]


class TestDeclaredTasks:
    def test_keep_the_names_that_waiting_jobs_have(self):
        ours = {name for name in app.tasks if name.split(".")[0] in {"ops", "alerts"}}

        assert {
            "alerts.tasks.deliver_alert",
            "ops.tasks.retry_stalled_jobs",
            "ops.tasks.remove_what_is_over",
        } <= ours

    def test_run_plainly_when_they_are_called(self):
        sample_tasks.note_down(text="hello")

        assert sample_tasks.ran == [("hello", "")]

    def test_that_are_periodic_have_one_waiting_run(self):
        task = app.tasks["ops.tasks.retry_stalled_jobs"]

        assert (task.queue, task.queueing_lock) == ("ops", "ops.tasks.retry_stalled_jobs")


def work():
    """A real worker, in this process, until the queue is empty."""
    call_command("worker", "--once", "--queue", QUEUE, "--concurrency", "1")


@pytest.mark.django_db(transaction=True)
class TestWorker:
    def test_runs_a_job_under_its_request_id(self, defer):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"):
            defer("note_down", text="hello")

        with log_output() as output:
            work()

        assert sample_tasks.ran == [("hello", "caller-id")]
        assert queue() == [("note_down", "succeeded", 1)]
        (done,) = output.events("job.done")
        assert (done["request_id"], done["task"]) == ("caller-id", NOTE_DOWN)

    def test_repeats_a_job_that_fails_as_often_as_it_may(self, defer):
        defer("fail", text="broken")
        defer("note_down", text="after")

        with log_output() as output:
            work()

        assert Counter(map(str, sample_tasks.ran))["broken"] == 3
        assert queue() == [("fail", "failed", 3), ("note_down", "succeeded", 1)]
        failures = output.events("job.failed")
        assert len(failures) == 3
        assert "ValueError: broken" in failures[0]["exception"]

    def test_repeats_a_job_that_is_too_early_without_an_error(self, defer):
        defer("not_yet", times=2)

        with log_output() as output:
            work()

        assert queue() == [("not_yet", "succeeded", 3)]
        assert [line["reason"] for line in output.events("job.not_yet")] == ["it is too early"] * 2
        assert [line for line in output.lines if line["level"] == "error"] == []

    def test_goes_on_after_the_database_was_away(self, defer):
        defer("lose_the_connection")

        work()

        assert queue() == [("lose_the_connection", "succeeded", 2)]

    def test_runs_what_a_job_deferred_when_it_committed(self, defer):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"):
            defer("defer_another", commits=True)

        work()

        assert sample_tasks.ran == [("deferred within a job", "caller-id")]
        assert queue() == [("defer_another", "succeeded", 1), ("note_down", "succeeded", 1)]

    def test_runs_nothing_of_a_job_that_was_rolled_back(self, defer):
        defer("defer_another", commits=False)

        work()

        assert sample_tasks.ran == []
        assert queue() == [("defer_another", "failed", 1)]

    def test_lets_a_job_give_way_to_its_twin_that_waits(self, defer):
        defer("defer_its_twin_and_fail", once_per="key", key="key")
        defer("note_down", text="after")

        work()

        assert sample_tasks.ran[:1] == ["ran"]
        assert sorted(queue()) == [
            ("defer_its_twin_and_fail", "aborted", 1),
            ("defer_its_twin_and_fail", "succeeded", 1),
            ("note_down", "succeeded", 1),
        ]

    def test_serves_only_the_queue_it_is_given(self, defer):
        defer("note_down", text="hello")

        call_command("worker", "--once", "--queue", "another", "--concurrency", "1")

        assert queue() == [("note_down", "todo", 0)]

    def test_leaves_a_delayed_job_until_its_time(self, defer):
        defer("note_down", text="hello", delay=timedelta(hours=1))

        work()

        assert queue() == [("note_down", "todo", 0)]

    def test_refuses_to_do_nothing_at_once(self, capsys):
        with pytest.raises(SystemExit) as refusal:
            call_command("worker", "--concurrency", "0")

        assert refusal.value.code == 2
        assert capsys.readouterr().err == "--concurrency must be at least 1.\n"

    def test_leaves_no_worker_behind(self, defer):
        defer("note_down", text="hello")

        work()

        assert sql("SELECT count(*) FROM procrastinate_workers") == [(0,)]


class TestStalledJobs:
    """What a killed worker was doing."""

    pytestmark = pytest.mark.django_db(transaction=True)

    @pytest.fixture
    def start(self, defer):
        """A job under way at a worker whose last sign of life was that long ago."""

        def run(*, silent_for, **options):
            defer("note_down", text="hello", **options)
            ((worker_id,),) = sql(
                "INSERT INTO procrastinate_workers (last_heartbeat)"
                " VALUES (now() - %s * interval '1 second') RETURNING id",
                silent_for,
            )
            sql(
                "UPDATE procrastinate_jobs SET status = 'doing', worker_id = %s"
                " WHERE status = 'todo'",
                worker_id,
            )

        return run

    def test_run_again(self, start):
        start(silent_for=STALLED_AFTER_S + 1)

        with log_output() as output:
            retry_stalled_jobs()
        work()

        assert sample_tasks.ran[0][0] == "hello"
        assert queue() == [("note_down", "succeeded", 2)]
        (warning,) = output.events("job.stalled")
        assert (warning["level"], warning["task"]) == ("warning", NOTE_DOWN)

    def test_run_again_when_their_worker_is_forgotten(self, start):
        start(silent_for=STALLED_AFTER_S + 1)
        sql("DELETE FROM procrastinate_workers")

        retry_stalled_jobs()

        assert queue() == [("note_down", "todo", 1)]

    def test_are_left_to_a_worker_that_lives(self, start):
        start(silent_for=STALLED_AFTER_S - 5)

        retry_stalled_jobs()

        assert queue() == [("note_down", "doing", 0)]

    def test_are_all_given_back_also_when_one_has_a_twin_that_waits(self, start, defer):
        start(silent_for=60, once_per="key")
        start(silent_for=60)
        defer("note_down", once_per="key", text="its twin")

        retry_stalled_jobs()

        assert queue() == [
            ("note_down", "aborted", 1),
            ("note_down", "todo", 1),
            ("note_down", "todo", 0),
        ]


class TestHousekeeping:
    pytestmark = pytest.mark.django_db

    def test_drops_jobs_that_are_over_for_three_days(self, defer):
        for state, hours in (
            ("succeeded", 73),
            ("succeeded", 71),
            ("aborted", 73),
            ("failed", 73),
            ("failed", 71),
            ("todo", 1000),
        ):
            defer("note_down", text=f"{state} {hours}")
            sql(
                "UPDATE procrastinate_jobs SET status = %s WHERE id ="
                " (SELECT max(id) FROM procrastinate_jobs)",
                state,
            )
            sql(
                "UPDATE procrastinate_events SET at = now() - %s * interval '1 hour'"
                " WHERE job_id = (SELECT max(id) FROM procrastinate_jobs)",
                hours,
            )

        remove_what_is_over()

        kept = [args["text"] for args in arguments()]
        assert kept == ["succeeded 71", "failed 71", "todo 1000"]
        assert DeadLetter.objects.count() == 2
