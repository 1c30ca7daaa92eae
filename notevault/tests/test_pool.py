"""A pool lends what is warm, and asks whether it works only when there is reason to."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from django.db import connection
from django.db.utils import ConnectionHandler
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from notevault.db import pgbouncer
from notevault.db import pool as pools
from notevault.db.base import DatabaseWrapper
from notevault.settings import database
from ops.tests.own_database import database_url

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(pgbouncer.is_between(), reason="looks at server processes by their ids"),
]


@pytest.fixture
def pool():
    """Of one connection, as a web process makes it."""
    with ConnectionPool(
        database_url(), min_size=1, max_size=1, timeout=5, check=pools.check
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
        monkeypatch.setattr(pools, "TRUSTED_S", 60.0)  # they follow each other on any machine

        pids = {server_process(pool) for _ in range(5)}

        assert len(pids) == 1
        assert len(asked) == 1

    def test_is_asked_again_after_a_while(self, asked, pool, monkeypatch):
        monkeypatch.setattr(pools, "TRUSTED_S", 0.0)

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
        monkeypatch.setattr(pools, "TRUSTED_S", 0.0)

        assert server_process(pool) != lost

    def test_that_is_lost_while_it_is_used_fails_and_the_next_one_works(self, pool):
        with pytest.raises(psycopg.OperationalError), pool.connection() as given:
            lost = given.info.backend_pid
            end(lost)
            given.execute("SELECT 1")

        assert server_process(pool) != lost


def test_a_worker_s_connection_is_asked_as_seldom_and_never_given_when_lost(monkeypatch):
    asked = []
    ask = AsyncConnectionPool.check_connection

    async def count(given):
        asked.append(given)
        await ask(given)

    monkeypatch.setattr(AsyncConnectionPool, "check_connection", staticmethod(count))
    monkeypatch.setattr(pools, "TRUSTED_S", 60.0)

    async def live():
        options = {"conninfo": database_url(), "min_size": 1, "max_size": 1, "open": False}
        async with pools.of_worker(**options) as pool:
            pids = []
            for _ in range(4):
                async with pool.connection() as given:
                    pids.append(given.info.backend_pid)
            async with await psycopg.AsyncConnection.connect(database_url()) as other:
                await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pids[0]])
            async with pool.connection() as given:
                pids.append(given.info.backend_pid)
        return pids

    *before, after = asyncio.run(live())

    assert len(set(before)) == 1
    assert after not in before
    assert len(asked) == 3  # the first one, the lost one, and the new one


def test_what_came_back_last_is_lent_next():
    with ConnectionPool(database_url(), min_size=3, max_size=3, timeout=5, open=False) as made:
        pools.of_web(made, checked=True)
        made.open(wait=True, timeout=10)
        with made.connection() as first, made.connection() as second:
            pids = [first.info.backend_pid, second.info.backend_pid]
        # The second went back first, so the first came back last.
        assert {server_process(made) for _ in range(5)} == {pids[0]}


@pytest.mark.parametrize(("is_wanted", "check"), [(True, pools.check), (False, None)])
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
