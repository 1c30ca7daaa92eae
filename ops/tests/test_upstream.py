"""What every call of somebody else's service goes through."""

from __future__ import annotations

import pytest
from django.db import connection

from notevault.kit import bulkhead, deadline
from ops import breakers, upstream
from ops.models import CircuitBreaker

pytestmark = pytest.mark.django_db(transaction=True)


class NotCalled(Exception):
    pass


def calling(**options):
    return upstream.calling("shelf", most_s=5.0, refusal=NotCalled, **options)


def outcome():
    return breakers.totals(CircuitBreaker.objects.get(name="shelf").seconds)


class TestACall:
    def test_counts_as_failed_unless_it_says_otherwise(self):
        with calling():
            pass
        with calling() as call:
            call.succeeded = True

        assert outcome() == (2, 1)

    def test_counts_as_failed_when_it_raises(self):
        with pytest.raises(OSError, match="away"), calling():
            raise OSError("away")

        assert outcome() == (1, 1)

    def test_has_five_seconds_and_never_more_than_its_request_has_left(self):
        with calling() as unhurried:
            pass
        with deadline.within(2), calling() as hurried:
            pass

        assert unhurried.timeout_s == 5.0
        assert 1.5 < hurried.timeout_s <= 2

    def test_lends_its_database_connection_to_others_meanwhile(self):
        with calling() as call:
            is_lent = connection.connection is None
            call.succeeded = True

        assert is_lent

    def test_that_its_request_cuts_short_says_nothing_against_the_upstream(self):
        with deadline.within(0.5), calling():
            pass

        assert outcome() == (0, 0)


class TestACallThatIsNotMade:
    def test_has_no_time_left(self):
        with deadline.within(0.1), pytest.raises(NotCalled), calling():
            raise AssertionError("it was made")

        assert not CircuitBreaker.objects.exists()

    def test_meets_an_open_breaker(self):
        for _ in range(5):
            with calling():
                pass

        with pytest.raises(NotCalled) as refusal, calling():
            raise AssertionError("it was made")

        assert refusal.value.args == (30,)

    def test_finds_no_place(self, monkeypatch):
        monkeypatch.setattr(bulkhead, "place", bulkhead.Bulkhead(1).place)

        with deadline.within(5), calling(), pytest.raises(NotCalled) as refusal, calling():
            raise AssertionError("it was made")

        assert refusal.value.args == (upstream.BUSY_RETRY_AFTER_S,)
        assert outcome() == (1, 1)  # of the first; the second says nothing of the upstream
