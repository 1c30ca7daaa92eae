"""A pooled connection is asked whether it works only when there is reason to."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection
from django.db.utils import ConnectionHandler
from psycopg_pool import ConnectionPool

from notevault.db import health
from notevault.db.base import DatabaseWrapper
from notevault.settings import database
from ops.tests.own_database import database_url

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pool():
    """Of one connection, as a web process makes it."""
    with ConnectionPool(
        database_url(), min_size=1, max_size=1, timeout=5, check=health.check
    ) as made:
        made.wait()
        yield made


@pytest.fixture
def asked(monkeypatch):
    """Which connections were asked by a round trip."""
    seen = []
    ask = ConnectionPool.check_connection

    def count(given):
        seen.append(given)
        ask(given)

    monkeypatch.setattr(ConnectionPool, "check_connection", staticmethod(count))
    return seen


def server_process(pool):
    """One request: the pool gives a connection and gets it back."""
    with pool.connection() as given:
        return given.info.backend_pid


def end(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)


class TestAConnection:
    def test_is_asked_once_by_requests_that_follow_each_other(self, asked, pool, monkeypatch):
        monkeypatch.setattr(health, "TRUSTED_S", 60.0)  # they follow each other on any machine

        pids = {server_process(pool) for _ in range(5)}

        assert len(pids) == 1
        assert len(asked) == 1

    def test_is_asked_again_after_a_while(self, asked, pool, monkeypatch):
        monkeypatch.setattr(health, "TRUSTED_S", 0.0)

        for _ in range(3):
            server_process(pool)

        assert len(asked) == 3

    def test_whose_server_has_hung_up_is_never_given(self, asked, pool):
        """Django counts on it: what is given is not tried again."""
        lost = server_process(pool)
        end(lost)

        assert server_process(pool) != lost
        assert len(asked) == 3  # the first one, the lost one, and the new one

    def test_that_is_lost_after_a_while_is_never_given(self, pool, monkeypatch):
        lost = server_process(pool)
        end(lost)
        monkeypatch.setattr(health, "TRUSTED_S", 0.0)

        assert server_process(pool) != lost

    def test_that_is_lost_while_it_is_used_fails_and_the_next_one_works(self, pool):
        with pytest.raises(psycopg.OperationalError), pool.connection() as given:
            lost = given.info.backend_pid
            end(lost)
            given.execute("SELECT 1")

        assert server_process(pool) != lost


@pytest.mark.parametrize(("is_wanted", "check"), [(True, health.check), (False, None)])
def test_the_pool_of_a_process_checks_so(is_wanted, check):
    config = {
        **database.from_url("postgresql://nobody@127.0.0.1/nothing", pool_size=1),
        "CONN_HEALTH_CHECKS": is_wanted,
    }
    handler = ConnectionHandler({"default": config})
    wrapper = DatabaseWrapper(handler.settings["default"], alias="of a test")

    try:
        assert wrapper.pool._check is check
    finally:
        wrapper.close_pool()
