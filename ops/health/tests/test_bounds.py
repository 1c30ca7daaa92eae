"""Probes and the page answer in time, whatever becomes of the database or its pool."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from notevault.db import pgbouncer
from ops.health import own_connection, readiness, report
from ops.health.check import Check
from ops.health.tests.silent_server import silent_server

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "ops.health.tests.test_bounds"
READY = (200, {"status": "ok"})
NO_DATABASE = (503, {"status": "unavailable", "reason": "database"})


@dataclass
class Well(Check):
    def run(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


@dataclass
class Slow(Check):
    def run(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(20)")


@dataclass
class Hanging(Check):
    over = threading.Event()

    def run(self):
        self.over.wait(20)


@dataclass
class Offline(Check):
    needs_database = False

    def run(self):
        pass


def get(client, path):
    response = client.get(path)
    return response.status_code, response.json()


@contextmanager
def within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.fixture
def exhausted_pool():
    """Every connection of the pool is lent to somebody who keeps it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()
    pool = connection.pool
    taken = [pool.getconn() for _ in range(pool.max_size)]
    yield pool
    for lent in taken:
        pool.putconn(lent)


@pytest.fixture
def silent_database(monkeypatch):
    with silent_server() as (host, port):
        monkeypatch.setitem(connection.settings_dict, "HOST", host)
        monkeypatch.setitem(connection.settings_dict, "PORT", str(port))
        yield


@pytest.fixture
def full_server(monkeypatch):
    """It takes no connection more of ours, and serves those of the pool."""
    role = f"full_{connection.settings_dict['NAME']}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE IF EXISTS {role}")
        cursor.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0 PASSWORD 'full'")
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "USER", role)
        patch.setitem(connection.settings_dict, "PASSWORD", "full")
        yield
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE {role}")


class TestReady:
    def test_is_not_kept_by_a_pool_without_a_free_connection(self, client, exhausted_pool):
        with within(2):
            assert get(client, "/health/ready") == READY

        assert exhausted_pool.get_stats()["requests_waiting"] == 0

    def test_is_true_of_a_server_that_is_full_while_it_serves_this_process(
        self, client, full_server
    ):
        readiness.migrations_applied()

        with within(2):
            assert get(client, "/health/ready") == READY

    def test_is_untrue_of_a_server_that_is_full_before_this_process_came(self, client, full_server):
        assert get(client, "/health/ready") == NO_DATABASE

    def test_is_untrue_of_a_server_that_is_full_while_all_connections_are_lent(
        self, client, full_server
    ):
        readiness.migrations_applied()
        connection.close()
        pool = connection.pool

        with ExitStack() as lent, within(2):
            for _ in range(pool.max_size):
                lent.enter_context(pool.connection())
            assert get(client, "/health/ready") == NO_DATABASE

    def test_is_untrue_until_all_migrations_are_applied(self, client):
        newest = MigrationLoader(connection).graph.leaf_nodes("ops")[0]
        MigrationRecorder(connection).record_unapplied(*newest)
        try:
            before = get(client, "/health/ready")
        finally:
            MigrationRecorder(connection).record_applied(*newest)
        readiness.answer.forget()

        assert before == (503, {"status": "unavailable", "reason": "migrations"})
        assert get(client, "/health/ready") == READY

    def test_is_true_of_a_database_that_is_ahead_of_this_code(self, client):
        """An old pod serves on, and one that is started again after a roll-back serves too."""
        later = [("ops", "9001_of_the_next_release"), ("procrastinate", "9999_of_its_library")]
        for name in later:
            MigrationRecorder(connection).record_applied(*name)
        try:
            told = get(client, "/health/ready")
        finally:
            for name in later:
                MigrationRecorder(connection).record_unapplied(*name)

        assert told == READY

    def test_is_asked_for_once_however_many_probes_come(self, client, monkeypatch):
        asked = []
        opened = own_connection._connection_to

        def count(alias):
            asked.append(alias)
            return opened(alias)

        monkeypatch.setattr(own_connection, "_connection_to", count)

        assert [get(client, "/health/ready") for _ in range(10)] == [READY] * 10

        assert asked == ["default"]

    def test_leaves_no_connection_behind(self, client):
        def others():
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT numbackends FROM pg_stat_database WHERE datname = %s", [name]
                )
                return cursor.fetchone()[0]

        name = connection.settings_dict["NAME"]
        before = others()

        assert get(client, "/health/ready") == READY

        deadline = time.monotonic() + 5
        while others() > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert others() <= before


class TestDetailed:
    @pytest.fixture(autouse=True)
    def lines(self, settings):
        settings.HEALTH_CHECKS = {
            "database": "ops.health.database.Database",
            "slow": f"{HERE}.Slow",
            "well": f"{HERE}.Well",
            "offline": f"{HERE}.Offline",
        }
        return settings.HEALTH_CHECKS

    def statuses(self, body):
        return {name: line["status"] for name, line in body["checks"].items()}

    def test_gives_a_statement_one_second_and_goes_on(self, client):
        with within(3):
            code, body = get(client, "/health/detailed")

        assert (code, body["status"]) == (200, "degraded")
        assert self.statuses(body) == {
            "database": "healthy",
            "slow": "unhealthy",
            "well": "healthy",
            "offline": "healthy",
        }

    def test_waits_for_no_pool(self, client, exhausted_pool, lines):
        del lines["slow"]

        with within(3):
            code, body = get(client, "/health/detailed")

        assert (code, body["status"]) == (200, "healthy")

    def test_says_in_time_that_the_database_is_silent(self, client, silent_database):
        with within(3.5):
            code, body = get(client, "/health/detailed")

        assert (code, body["status"]) == (503, "unhealthy")
        assert self.statuses(body) == {
            "database": "unhealthy",
            "slow": "unknown",
            "well": "unknown",
            "offline": "healthy",
        }

    def test_looks_up_no_session_without_a_database(self, client, silent_database):
        client.cookies["sessionid"] = "a" * 32

        with within(3.5):
            code, _ = get(client, "/health/detailed")

        assert code == 503

    def test_tells_what_is_known_when_a_check_hangs(self, client, lines, monkeypatch):
        monkeypatch.setattr(report, "WAIT_S", 0.5)
        lines["slow"] = f"{HERE}.Hanging"

        with within(2):
            code, body = get(client, "/health/detailed")

        assert (code, body["status"]) == (200, "degraded")
        assert self.statuses(body) == {
            "database": "healthy",
            "slow": "unknown",
            "well": "unknown",
            "offline": "unknown",
        }
        Hanging.over.set()

    def test_makes_one_report_for_many_callers(self, client, lines):
        del lines["slow"]

        stamps = {get(client, "/health/detailed")[1]["timestamp"] for _ in range(5)}

        assert len(stamps) == 1


class TestOwnConnections:
    @pytest.fixture
    def found(self):
        def look():
            with own_connection.own_connections():
                found.append(connections["default"].pool)
                with connection.cursor() as cursor:
                    cursor.execute("SHOW statement_timeout")
                    found.append(cursor.fetchone()[0])

        found = []
        looking = threading.Thread(target=look)
        looking.start()
        looking.join()
        return found

    def test_are_outside_of_the_pool(self, found):
        assert found[0] is None

    @pytest.mark.skipif(pgbouncer.is_between(), reason="PgBouncer takes no time-out of a session")
    def test_are_bounded(self, found):
        assert found[1] == "1s"

    def test_send_no_time_out_to_pgbouncer(self):
        bounded = own_connection._bounded({"pool": {}, "sslmode": "require"})

        assert bounded == {"sslmode": "require", "connect_timeout": 2, "tcp_user_timeout": 3000}
