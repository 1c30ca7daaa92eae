"""Each line of the page: when it is well, and when it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from notevault.kit import clock
from notevault.kit.ids import uuid7
from ops import breakers, jobs, machine
from ops.health import database
from ops.health import machine as health_machine
from ops.health.breakers import Breakers
from ops.health.check import NotConfigured
from ops.health.configuration import Configuration
from ops.health.database import ClockSkew, Database, Migrations, Replica
from ops.health.jobs import DeadLetters, Queue, Workers
from ops.health.machine import Disk, Memory
from ops.machine import Share
from ops.models import DeadLetter
from ops.states import Forced


def run(check):
    """Why it is degraded, or nothing; and its details."""
    try:
        check.run()
    except ServiceWarning as warning:
        return warning.message, check.details
    return "", check.details


def execute(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.mark.django_db
class TestDatabase:
    def test_tells_how_full_pool_and_server_are(self):
        why, details = run(Database())

        assert why == ""
        assert details["pool"].keys() == {"used", "idle", "limit", "waiting"}
        assert details["pool"]["used"] >= 1
        assert 0 < details["connections"]["used"] < details["connections"]["limit"]

    def test_is_degraded_while_somebody_waits_for_the_pool(self, monkeypatch):
        monkeypatch.setattr(database, "pool_figures", lambda: {"waiting": 1})

        assert run(Database())[0] == "requests wait for a connection of the pool"

    def test_is_degraded_when_the_server_is_nearly_full(self, monkeypatch):
        monkeypatch.setattr(database, "FULL_SHARE", 0.0)

        assert "connections are taken" in run(Database())[0]


@pytest.mark.django_db
class TestMigrations:
    def test_are_well_when_all_are_applied(self):
        assert run(Migrations()) == ("", {})

    def test_are_unhealthy_when_one_is_missing(self):
        newest = MigrationLoader(connection).graph.leaf_nodes("ops")[0]
        MigrationRecorder(connection).record_unapplied(*newest)

        with pytest.raises(ServiceUnavailable):
            Migrations().run()

    def test_are_asked_for_no_more_once_they_are_applied(self, django_assert_num_queries):
        Migrations().run()

        with django_assert_num_queries(0):
            Migrations().run()


@pytest.mark.django_db
class TestReplica:
    def test_that_is_not_there_is_no_fault(self):
        with pytest.raises(NotConfigured):
            Replica().run()

    @pytest.fixture
    def replica(self, monkeypatch):
        monkeypatch.setattr(database, "REPLICA", "default")

    def test_that_follows_is_well(self, replica):
        assert run(Replica()) == ("", {"lag_s": 0.0})

    def test_that_is_far_behind_is_not(self, replica, monkeypatch):
        monkeypatch.setattr(database, "_REPLICA_LAG", "SELECT 31.5::float")

        assert run(Replica()) == ("the replica is 32 s behind", {"lag_s": 31.5})


@pytest.mark.django_db
class TestClock:
    def test_that_agrees_with_the_database_is_well(self):
        why, details = run(ClockSkew())

        assert why == ""
        assert abs(details["skew_s"]) < 1

    @pytest.mark.parametrize(("ahead", "why"), [(60, "+60"), (-60, "-60")])
    def test_that_does_not_is_told_which_way(self, monkeypatch, ahead, why):
        wrong = clock.now
        monkeypatch.setattr(clock, "now", lambda: wrong() + timedelta(seconds=ahead))

        assert run(ClockSkew())[0] == f"this clock is {why}.0 s off the database's"


@pytest.mark.django_db
class TestQueue:
    @pytest.fixture(autouse=True)
    def empty(self):
        execute("DELETE FROM procrastinate_jobs")

    def add(self, queue, *, scheduled="NULL", ago="0 s", status="todo"):
        execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at)"
            f" VALUES (%s, 'x', '{{}}', {scheduled})",
            queue,
        )
        execute("UPDATE procrastinate_events SET at = now() - %s::interval", ago)
        execute("UPDATE procrastinate_jobs SET status = %s::procrastinate_job_status", status)

    def test_that_is_empty_is_well(self):
        assert run(Queue()) == ("", {"due": {}, "oldest_due_s": 0.0})

    def test_counts_what_is_due_by_queue(self):
        self.add("mail")
        self.add("payments", scheduled="now() - interval '10 s'")
        self.add("payments", scheduled="now() + interval '1 h'")

        why, details = run(Queue())

        assert why == ""
        assert details["due"] == {"mail": 1, "payments": 1}
        assert 10 <= details["oldest_due_s"] < 20

    @pytest.mark.parametrize(
        "job", [{"ago": "5 min"}, {"scheduled": "now() - interval '5 min'"}], ids=["now", "later"]
    )
    def test_is_degraded_when_a_job_has_waited_long(self, job):
        self.add("mail", **job)

        assert run(Queue())[0].startswith("a job has waited for 30")

    def test_does_not_count_what_is_under_way(self):
        self.add("mail", ago="5 min", status="doing")

        assert run(Queue())[1]["due"] == {}

    def test_sees_what_a_task_of_ours_defers(self):
        jobs.defer("alerts.tasks.deliver_alert", alert_id=str(uuid7()))

        assert run(Queue())[1]["due"] == {"alerts": 1}


@pytest.mark.django_db
class TestWorkers:
    @pytest.fixture(autouse=True)
    def none(self):
        execute("DELETE FROM procrastinate_workers")

    def test_are_missed_when_there_is_none(self):
        assert run(Workers()) == ("no worker is alive: jobs wait", {"alive": 0})

    def test_that_have_been_silent_are_not_alive(self):
        execute("INSERT INTO procrastinate_workers VALUES (DEFAULT, now() - interval '1 min')")

        assert run(Workers())[1] == {"alive": 0}

    def test_that_say_so_are_alive(self):
        execute("INSERT INTO procrastinate_workers DEFAULT VALUES")

        assert run(Workers()) == ("", {"alive": 1})


@pytest.mark.django_db
class TestDeadLetters:
    def bury(self, count, now, **values):
        DeadLetter.objects.bulk_create(
            DeadLetter(
                task="payments.tasks.handle_event",
                arguments={},
                error="Boom",
                fingerprint="f",
                attempts=8,
                job_id=uuid7().int % 2**62,
                buried_at=now,
                last_failed_at=now,
                **values,
            )
            for _ in range(count)
        )

    def test_up_to_ten_are_well(self, now):
        self.bury(10, now)
        self.bury(5, now, state="resolved")

        by_task = {"payments.tasks.handle_event": 10}
        assert run(DeadLetters()) == ("", {"open": 10, "by_task": by_task})

    def test_more_than_ten_are_not(self, now):
        self.bury(11, now)

        assert run(DeadLetters())[0] == "11 dead letters are open"


@pytest.mark.django_db
class TestBreakers:
    def test_that_are_closed_are_well(self):
        breakers.admit("razorpay")

        assert run(Breakers()) == ("", {"breakers": {"razorpay": "closed"}})

    def test_that_are_open_are_named(self):
        breakers.force(name="razorpay", to=Forced.OPEN, why="maintenance", actor_id=None)

        assert run(Breakers()) == ("not closed: razorpay", {"breakers": {"razorpay": "open"}})


class TestMachine:
    @pytest.mark.parametrize(("used", "why"), [(89, ""), (90, "nearly full: temporary, files")])
    def test_is_short_of_disk_from_nine_tenths_on(self, monkeypatch, tmp_path, settings, used, why):
        settings.MEDIA_ROOT = tmp_path
        monkeypatch.setattr(machine, "disk", lambda _: Share(used=used, limit=100))

        found, details = run(Disk())

        assert found == why
        assert details["disk"]["files"] == {"percent": used, "free_bytes": 100 - used}

    def test_has_no_files_where_another_keeps_them(self, settings, tmp_path):
        settings.MEDIA_ROOT = tmp_path / "never made"

        assert health_machine.folders_in_use().keys() == {"temporary"}

    @pytest.mark.parametrize(("used", "why"), [(89, ""), (90, "90 % of the memory is in use")])
    def test_is_short_of_memory_from_nine_tenths_on(self, monkeypatch, used, why):
        monkeypatch.setattr(machine, "memory", lambda: Share(used=used, limit=100))

        assert run(Memory()) == (why, {"memory": {"percent": used, "limit_bytes": 100}})


class TestConfiguration:
    @pytest.fixture
    def whole(self, settings):
        settings.DEBUG = False
        settings.JWT_SECRET = "7d0f0c5d9b0a4f6e8c1b2a3948576f6d"
        settings.EMAIL_URL = "smtp://mail.example.com"
        settings.METRICS_TOKEN = "a-token-of-our-own"
        return settings

    def test_of_production_is_well(self, whole):
        assert run(Configuration()) == ("", {"shortcomings": []})

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("DEBUG", True, "DEBUG is on"),
            ("JWT_SECRET_PREVIOUS", "development-only-secret-of-notevault", "JWT_SECRET is"),
            ("EMAIL_URL", "", "EMAIL_URL is not set"),
            ("METRICS_TOKEN", "", "METRICS_TOKEN is not set"),
        ],
    )
    def test_that_lacks_something_says_what(self, whole, name, value, said):
        setattr(whole, name, value)

        assert run(Configuration())[0].startswith(said)
