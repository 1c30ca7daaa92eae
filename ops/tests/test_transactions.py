"""The transaction of a use case."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.core.cache import cache
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from ops.models import CacheEntry
from ops.transactions import ATTEMPTS, is_conflict, use_case

pytestmark = pytest.mark.django_db(transaction=True)


def error_of_database(sqlstate, kind=OperationalError):
    class Cause(psycopg.OperationalError):
        pass

    Cause.sqlstate = sqlstate
    error = kind("said the database")
    error.__cause__ = Cause()
    return error


def value_of(key):
    return CacheEntry.objects.get(pk=key).value


@pytest.fixture
def _two_rows():
    for key in ("a", "b"):
        CacheEntry.objects.create(cache_key=key, value="0", expires="2999-01-01T00:00Z")


class TestUseCase:
    def test_commits_and_returns(self):
        @use_case
        def store(*, value):
            cache.set("key", value)
            return value * 2

        assert store(value=21) == 42
        assert cache.get("key") == 21

    def test_rolls_back_whatever_is_raised(self):
        calls = []

        @use_case
        def store():
            calls.append("called")
            cache.set("key", "value")
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store()

        assert calls == ["called"]
        assert cache.get("key") is None

    def test_refuses_to_be_part_of_another_transaction(self):
        @use_case
        def store():
            cache.set("key", "value")

        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            store()

        assert cache.get("key") is None

    def test_keeps_the_name_and_docstring_of_its_function(self):
        @use_case
        def store():
            """What it does."""

        assert (store.__name__, store.__doc__) == ("store", "What it does.")


class TestConflict:
    @pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
    def test_makes_the_whole_run_again(self, sqlstate):
        calls = []

        @use_case
        def store():
            calls.append(cache.get("key"))
            cache.set("key", "written")
            if len(calls) < 3:
                raise error_of_database(sqlstate)
            return "done"

        assert store() == "done"
        assert calls == [None, None, None]
        assert cache.get("key") == "written"

    def test_is_given_up_after_five_attempts(self):
        calls = []

        @use_case
        def store():
            calls.append(1)
            raise error_of_database("40P01")

        with pytest.raises(OperationalError):
            store()

        assert len(calls) == ATTEMPTS == 5

    @pytest.mark.parametrize(
        "error",
        [
            error_of_database("55P03"),  # lock_not_available
            error_of_database("57014"),  # query_canceled
            error_of_database("08006"),  # connection_failure
            error_of_database("23505", IntegrityError),
            error_of_database("40001", DatabaseError),
            OperationalError("without a cause"),
            ValueError("40001"),
        ],
        ids=lambda error: f"{type(error).__name__}-{getattr(error.__cause__, 'sqlstate', None)}",
    )
    def test_is_no_other_error(self, error):
        calls = []

        @use_case
        def store():
            calls.append(1)
            raise error

        assert not is_conflict(error)
        with pytest.raises(type(error)):
            store()
        assert len(calls) == 1


@pytest.mark.usefixtures("_two_rows")
class TestRealConflicts:
    def both(self, first, second):
        def run(function):
            try:
                return function()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as pool:
            return [job.result(20) for job in [pool.submit(run, first), pool.submit(run, second)]]

    def test_of_two_that_lock_each_other_out_both_succeed(self):
        both_hold_one = threading.Barrier(2)
        attempts = []

        def lock_in_order(*keys):
            first_time = True

            @use_case
            def run():
                nonlocal first_time
                attempts.append(keys)
                for key in keys:
                    entry = CacheEntry.objects.select_for_update().get(pk=key)
                    CacheEntry.objects.filter(pk=key).update(value=str(int(entry.value) + 1))
                    if first_time:
                        first_time = False
                        both_hold_one.wait(10)

            return run

        self.both(lock_in_order("a", "b"), lock_in_order("b", "a"))

        assert (value_of("a"), value_of("b")) == ("2", "2")
        assert len(attempts) == 3

    def test_of_two_that_read_the_same_and_write_both_succeed(self):
        both_have_read = threading.Barrier(2)
        attempts = []

        def add_one():
            first_time = True

            @use_case
            def run():
                nonlocal first_time
                attempts.append(1)
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                value = int(value_of("a"))
                if first_time:
                    first_time = False
                    both_have_read.wait(10)
                CacheEntry.objects.filter(pk="a").update(value=str(value + 1))

            return run

        self.both(add_one(), add_one())

        assert value_of("a") == "2"
        assert len(attempts) == 3
