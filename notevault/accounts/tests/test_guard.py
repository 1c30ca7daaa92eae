"""The lockout: five looks at a password, then fifteen minutes of none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connections

from notevault.accounts import guard
from notevault.accounts.guard import AccountLocked
from notevault.accounts.models import SignInGuard

pytestmark = pytest.mark.django_db

EMAIL = "buyer@example.com"
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def count(now, *, email=EMAIL):
    """None when the attempt was granted, else the seconds to wait."""
    try:
        guard.count_attempt(email=email, now=now)
    except AccountLocked as refusal:
        return refusal.retry_after
    return None


@pytest.fixture
def lock(now):
    """Five attempts, one a minute; the last one at `now`."""
    for minutes in (4, 3, 2, 1, 0):
        assert count(now - minutes * MINUTE) is None


class TestCountAttempt:
    def test_grants_five_and_refuses_the_sixth(self, now):
        assert [count(now) for _ in range(7)] == [None] * 5 + [900, 900]

    def test_counts_each_address_by_itself(self, lock, now):
        assert count(now, email="seller@example.com") is None

    @pytest.mark.parametrize("email", ["BUYER@example.com", " buyer@EXAMPLE.com "])
    def test_counts_an_address_in_any_case_as_one(self, lock, now, email):
        assert count(now, email=email) == 900

    def test_keeps_no_address(self, lock):
        (row,) = SignInGuard.objects.all()

        assert len(row.email_digest) == 64
        assert "buyer" not in row.email_digest


class TestLock:
    @pytest.mark.parametrize(
        ("after", "wait"),
        [
            (timedelta(), 900),
            (SECOND, 899),
            (timedelta(seconds=0.4), 900),  # 899.6: never told to come back too early
            (14 * MINUTE, 60),
            (15 * MINUTE - SECOND, 1),
            (15 * MINUTE - timedelta(microseconds=1), 1),
            (15 * MINUTE, None),
            (16 * MINUTE, None),
        ],
    )
    def test_lasts_fifteen_minutes_from_the_fifth_failure(self, lock, now, after, wait):
        assert count(now + after) == wait

    def test_is_not_prolonged_by_more_guesses(self, lock, now):
        for minutes in range(1, 15):
            assert count(now + minutes * MINUTE) == (15 - minutes) * 60

        assert count(now + 15 * MINUTE) is None

    def test_leaves_five_attempts_once_it_is_over(self, lock, now):
        later = now + 15 * MINUTE

        assert [count(later) for _ in range(6)] == [None] * 5 + [900]

    def test_comes_no_sooner_for_failures_long_apart(self, now):
        waits = [count(now + number * 15 * MINUTE) for number in range(10)]

        assert waits == [None] * 10

    def test_comes_of_failures_each_within_fifteen_minutes_of_the_last(self, now):
        waits = [count(now + number * 14 * MINUTE) for number in range(6)]

        assert waits == [None] * 5 + [60]


class TestClear:
    def test_forgets_the_failures_of_one_address(self, lock, now):
        for _ in range(5):
            count(now, email="seller@example.com")

        guard.clear(email="BUYER@example.com")

        assert count(now) is None
        assert count(now, email="seller@example.com") == 900

    def test_may_be_called_for_nobody(self):
        guard.clear(email="stranger@example.com")

        assert SignInGuard.objects.count() == 0


@pytest.mark.django_db(transaction=True)
class TestGuessesAtOnce:
    def test_get_five_looks_between_them(self, now):
        def attempt(_number):
            try:
                return count(now)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(20) as pool:
            waits = list(pool.map(attempt, range(20)))

        assert sorted(waits, key=bool) == [None] * 5 + [900] * 15
