"""The shared cache, and counts that two processes cannot get wrong."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import chain

import pytest
from django.core.cache import cache
from django.db import connections
from django.utils import timezone

from ops.cache import CountingDatabaseCache
from ops.models import CacheEntry
from ops.tasks import remove_what_is_over

pytestmark = pytest.mark.django_db


def expire(*, seconds_ago=1):
    CacheEntry.objects.update(expires=timezone.now() - timedelta(seconds=seconds_ago))


class TestAdd:
    def test_stores_what_is_not_there(self):
        assert cache.add("key", {"any": "value"}) is True
        assert cache.get("key") == {"any": "value"}

    def test_leaves_what_is_there(self):
        cache.add("key", "first")

        assert cache.add("key", "second") is False
        assert cache.get("key") == "first"

    def test_takes_the_place_of_what_has_expired(self):
        cache.add("key", "first", timeout=60)
        expire()

        assert cache.add("key", "second", timeout=60) is True
        assert cache.get("key") == "second"

    @pytest.mark.parametrize(("timeout", "seconds"), [(60, 60), (3600, 3600)])
    def test_keeps_it_as_long_as_it_is_told(self, timeout, seconds):
        before = timezone.now()

        cache.add("key", "value", timeout=timeout)

        lives = CacheEntry.objects.get().expires - before
        assert timedelta(seconds=seconds - 1) <= lives <= timedelta(seconds=seconds + 1)

    def test_keeps_it_for_ever_without_a_timeout(self):
        cache.add("key", "value", timeout=None)

        assert cache.get("key") == "value"
        assert CacheEntry.objects.get().expires.year == 9999

    def test_keeps_nothing_that_is_over_at_once(self):
        cache.add("key", "value", timeout=0)

        assert cache.get("key") is None

    def test_costs_one_query(self, django_assert_num_queries):
        with django_assert_num_queries(1):
            cache.add("key", "value")

    def test_tells_versions_apart(self):
        cache.add("key", "one", version=1)

        assert cache.add("key", "two", version=2) is True
        assert cache.get("key", version=1) == "one"


class TestIncr:
    def test_adds_to_what_is_there(self):
        cache.add("key", 1)

        assert [cache.incr("key"), cache.incr("key", 5), cache.decr("key", 2)] == [2, 7, 5]
        assert cache.get("key") == 5

    def test_keeps_the_time_of_its_end(self):
        cache.add("key", 1, timeout=60)
        ends = CacheEntry.objects.get().expires

        cache.incr("key")

        assert CacheEntry.objects.get().expires == ends

    def test_refuses_what_is_not_there(self):
        with pytest.raises(ValueError, match="Key 'key' not found"):
            cache.incr("key")

        assert CacheEntry.objects.count() == 0

    def test_refuses_what_has_expired(self):
        cache.add("key", 1, timeout=60)
        expire()

        with pytest.raises(ValueError, match="not found"):
            cache.incr("key")

    def test_counts_what_set_has_stored(self):
        cache.set("key", 41)

        assert cache.incr("key") == 42


class TestSize:
    def test_costs_no_live_entry_its_place(self):
        """Django's own throws a third of the table away beyond 300 rows."""
        for number in range(310):
            cache.add(f"count:{number}", 1, timeout=60)

        cache.set("another", "value", timeout=60)

        assert CacheEntry.objects.count() == 311

    def test_shrinks_by_what_has_expired(self):
        cache.add("over", 1, timeout=60)
        expire()
        cache.add("live", 1, timeout=60)
        cache.add("lasting", 1, timeout=None)

        remove_what_is_over()

        assert (cache.get("live"), cache.get("lasting")) == (1, 1)
        assert CacheEntry.objects.count() == 2

    def test_tells_how_much_was_removed(self):
        for key in "abc":
            cache.add(key, 1, timeout=60)
        expire()

        assert cache.delete_expired() == 3
        assert cache.delete_expired() == 0


class TestDjangoCache:
    def test_is_what_settings_choose(self):
        assert isinstance(cache._connections[cache._alias], CountingDatabaseCache)

    def test_still_sets_gets_touches_and_deletes(self):
        cache.set("key", "value", timeout=1)
        cache.touch("key", 60)
        cache.set_many({"a": 1, "b": 2})

        assert cache.get("key") == "value"
        assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
        assert cache.delete("key") is True
        assert cache.get("key", "gone") == "gone"


@pytest.mark.django_db(transaction=True)
class TestManyProcesses:
    def at_once(self, threads, call):
        start = threading.Barrier(threads)

        def run(_number):
            start.wait(20)
            try:
                return call()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(run, range(threads)))

    def test_store_a_key_exactly_once(self):
        assert sorted(self.at_once(20, lambda: cache.add("key", 1))) == [False] * 19 + [True]

    def test_replace_an_expired_key_exactly_once(self):
        cache.add("key", 0, timeout=60)
        expire()

        outcomes = self.at_once(20, lambda: cache.add("key", 1, timeout=60))

        assert sorted(outcomes) == [False] * 19 + [True]

    def test_lose_no_count(self):
        cache.add("key", 0)

        counts = self.at_once(20, lambda: [cache.incr("key") for _ in range(5)])

        assert sorted(chain.from_iterable(counts)) == list(range(1, 101))
        assert cache.get("key") == 100
