"""Places for slow work."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest

from notevault.kit import bulkhead, deadline
from notevault.kit.bulkhead import Bulkhead, Full


@pytest.fixture
def in_request():
    with deadline.within(30):
        yield


@pytest.mark.usefixtures("in_request")
class TestPlace:
    def test_is_refused_at_once_when_all_are_taken(self):
        walls = Bulkhead(2)
        started = time.monotonic()

        with walls.place(), walls.place(), pytest.raises(Full), walls.place():
            pytest.fail("a third place of two")

        assert time.monotonic() - started < 0.5

    def test_is_free_again_afterwards_also_after_a_failure(self):
        walls = Bulkhead(1)

        with pytest.raises(ValueError), walls.place():
            raise ValueError
        with walls.place():
            pass

    def test_exists_however_few_threads_there_are(self):
        walls = Bulkhead(0)

        with walls.place(), pytest.raises(Full), walls.place():
            pytest.fail("a second place of one")

    def test_is_held_by_as_many_threads_as_there_are_places(self):
        walls, together, results = Bulkhead(3), threading.Barrier(10), []

        def take():
            try:
                with deadline.within(30), walls.place():
                    together.wait(10)
                    results.append("taken")
            except Full:
                together.wait(10)
                results.append("full")

        threads = [threading.Thread(target=take) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(results) == ["full"] * 7 + ["taken"] * 3


class TestUpstreams:
    def test_take_at_most_half_of_the_threads(self, settings):
        half = settings.WEB_THREADS // 2

        with ExitStack() as held, deadline.within(5):
            for _ in range(half):
                held.enter_context(bulkhead.place())

            with pytest.raises(Full), bulkhead.place():
                pytest.fail("more than half")

    def test_are_not_counted_outside_of_requests(self, settings):
        with ExitStack() as held:
            for _ in range(settings.WEB_THREADS + 1):
                held.enter_context(bulkhead.place())

            with deadline.within(5), bulkhead.place():
                pass
