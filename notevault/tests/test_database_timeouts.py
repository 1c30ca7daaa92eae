"""How long PostgreSQL is waited for, and what a client is told when that is over."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from notevault.kit.tests.problem_details import problem_of, refusal_of
from notevault.settings.database import Timeouts
from notevault.tests.test_settings import GOOD, run
from ops.tests.own_database import direct_url

API, PAGE = "/api/v1/categories", "/api/errors/"
PATHS = pytest.mark.parametrize("path", [API, PAGE])


class TestEachProcess:
    """What web, worker and commands ask of the server when they connect."""

    SHOW = "print(settings.DATABASES['default']['OPTIONS']['options'])"
    WEB = f"import notevault.wsgi; from django.conf import settings; {SHOW}"
    COMMAND = (
        "import sys, manage; from django.core import management; from django.conf import settings;"
        f"management.execute_from_command_line = lambda _: {SHOW}; manage.main()"
    )

    def options_of(self, *arguments, **environment):
        result = run("-c", *arguments, **GOOD, **environment)
        assert result.returncode == 0, result.stderr
        words = result.stdout.splitlines()[-1].split()
        names = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
        assert [word.partition("=")[0] for word in words[1::2]] == names
        return [word.partition("=")[2] for word in words[1::2]]

    def test_of_the_web_has_ten_seconds_for_a_statement(self):
        assert self.options_of(self.WEB) == ["10s", "3s", "60s"]

    @pytest.mark.parametrize(
        ("command", "options"),
        [
            (["worker"], ["60s", "3s", "60s"]),
            (["migrate"], ["0s", "1s", "60s"]),
            (["verify_ledger"], ["0s", "3s", "60s"]),
            ([], ["0s", "3s", "60s"]),
        ],
    )
    def test_of_a_command_has_what_its_work_needs(self, command, options):
        assert self.options_of(self.COMMAND, *command) == options

    def test_is_not_taken_for_the_one_that_started_it(self):
        assert self.options_of(self.WEB, NOTEVAULT_PROCESS="demo")[0] == "10s"

    def test_has_what_the_environment_says(self):
        options = self.options_of(
            self.WEB,
            DATABASE_STATEMENT_TIMEOUT="0",
            DATABASE_LOCK_TIMEOUT="7",
            DATABASE_IDLE_TIMEOUT="",
        )

        assert options == ["0s", "7s", "60s"]


@pytest.fixture
def reading(monkeypatch):
    """Let a read of the API, and a page outside of it, do something else first."""

    def arrange(act):
        monkeypatch.setattr("notes.selectors.list_categories", lambda *_, **__: act())
        monkeypatch.setattr("notevault.kit.views.render", lambda *_, **__: act())

    yield arrange
    connection.close()


def execute(*statements):
    with transaction.atomic(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def told(response):
    assert refusal_of(response) == (503, "service_unavailable")
    assert response["Retry-After"] == "1"
    return problem_of(response)["detail"]


@pytest.mark.django_db(transaction=True)
class TestServer:
    def test_is_told_the_timeouts_on_every_connection(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, setting || coalesce(unit, '') FROM pg_settings WHERE name IN"
                " ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"
            )
            told = dict(cursor.fetchall())

        assert Timeouts() == Timeouts(statement_s=0, lock_s=3, idle_s=60)
        assert told == {
            "statement_timeout": "0ms",
            "lock_timeout": "3000ms",
            "idle_in_transaction_session_timeout": "60000ms",
        }

    @PATHS
    def test_that_cancels_a_statement_is_a_503(self, client_of, reading, path):
        reading(lambda: execute("SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(9)"))

        detail = told(client_of(None).get(path))

        assert detail == "The database was too slow to answer in time. Try again shortly."

    @PATHS
    def test_that_waits_for_a_lock_too_long_is_a_503(self, client_of, reading, path):
        take = "SELECT pg_advisory_xact_lock(814)"
        reading(lambda: execute("SET LOCAL lock_timeout = '50ms'", take))

        with held_by_another(take):
            detail = told(client_of(None).get(path))

        assert detail == "Another request keeps what this one needs. Try again shortly."

    @PATHS
    def test_that_ends_an_idle_transaction_is_a_503(self, client_of, reading, path):
        def hang():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
                time.sleep(0.3)
                cursor.execute("SELECT 1")

        reading(hang)

        detail = told(client_of(None).get(path))

        assert detail == "The work took too long and was undone. Try again shortly."

    @PATHS
    def test_that_shuts_down_is_a_503(self, client_of, reading, path):
        reading(lambda: execute("SELECT pg_terminate_backend(pg_backend_pid())"))

        detail = told(client_of(None).get(path))

        assert detail == "The database does not answer. Try again shortly."

    @PATHS
    def test_that_is_asked_nonsense_is_our_bug(self, client_of, reading, path):
        reading(lambda: execute("SELEKT"))

        assert refusal_of(client_of(None).get(path)) == (500, "internal_error")

    @PATHS
    def test_that_is_asked_on_after_an_error_is_our_bug(self, client_of, reading, path):
        def go_on():
            with transaction.atomic(), connection.cursor() as cursor:
                with pytest.raises(ProgrammingError):
                    cursor.execute("SELEKT")
                cursor.connection.execute("SELECT 1")

        def wrapped():
            with connection.wrap_database_errors:
                go_on()

        reading(wrapped)

        assert refusal_of(client_of(None).get(path)) == (500, "internal_error")
        with pytest.raises(InternalError):
            wrapped()


@contextmanager
def held_by_another(statement):
    """Another session has executed it in a transaction that stays open."""
    taken, done = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
                taken.set()
                done.wait(30)
        finally:
            connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(30)
    yield
    done.set()
    holder.join()


@pytest.mark.django_db(transaction=True)
class TestPool:
    @pytest.fixture
    def small_pool(self, monkeypatch):
        """One connection at most, and little patience; as another role if need be."""

        def arrange(**parameters):
            connection.close()
            connection.close_pool()
            for name, value in parameters.items():
                monkeypatch.setitem(connection.settings_dict, name, value)

        pool = {"min_size": 0, "max_size": 1, "timeout": 0.3}
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", pool)
        arrange()
        yield arrange
        connection.close()
        connection.close_pool()

    @PATHS
    def test_without_a_free_connection_is_a_503_in_a_bounded_time(
        self, client_of, reading, small_pool, path
    ):
        reading(lambda: execute("SELECT 1"))

        with held_by_another("SELECT 1"):
            started = time.monotonic()
            detail = told(client_of(None).get(path))

        assert time.monotonic() - started < 3
        assert detail == "No connection to the database became free in time. Try again shortly."

    def test_of_a_server_with_too_many_connections_is_a_503(self, client_of, reading, crowded):
        reading(lambda: execute("SELECT 1"))

        detail = told(client_of(None).get(API))

        assert detail == "No connection to the database became free in time. Try again shortly."

    @pytest.fixture
    def crowded(self, small_pool):
        """Our role may open no connection more."""
        ours = {
            name: connection.settings_dict[name] for name in ("HOST", "PORT", "USER", "PASSWORD")
        }
        role = f"crowded_{connection.settings_dict['NAME']}"
        execute(
            f"DROP ROLE IF EXISTS {role}",
            f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0 PASSWORD 'crowded'",
        )
        # PgBouncer knows no such role.
        server = conninfo_to_dict(direct_url())
        small_pool(HOST=server["host"], PORT=server["port"], USER=role, PASSWORD="crowded")
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            connect_without_pool()
        yield
        small_pool(**ours)
        execute(f"DROP ROLE {role}")


def connect_without_pool():
    given = connection.get_connection_params()
    names = given.keys() & {"dbname", "host", "port", "user", "password"}
    psycopg.connect(**{name: given[name] for name in names}).close()
