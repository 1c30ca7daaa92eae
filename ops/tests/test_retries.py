"""When a job that failed is tried again."""

from __future__ import annotations

import pytest
from procrastinate.jobs import Job

from ops.jobs import Retries


class TestRetries:
    RETRIES = Retries(attempts=8, first_s=1.0, longest_s=20.0)

    @pytest.mark.parametrize(
        ("attempts", "longest"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 20), (99, 20)]
    )
    def test_pause_twice_as_long_each_time_and_never_too_long(self, attempts, longest):
        pauses = [self.RETRIES.pause(attempts) for _ in range(200)]

        assert all(longest / 2 <= pause <= longest for pause in pauses)

    def test_are_spread_so_that_jobs_do_not_come_back_together(self):
        pauses = [self.RETRIES.pause(3) for _ in range(200)]

        assert len(set(pauses)) == 200
        assert min(pauses) < 5
        assert max(pauses) > 7

    @pytest.mark.parametrize(("attempts", "gives_up"), [(0, False), (6, False), (7, True)])
    def test_give_up_after_the_last_attempt(self, attempts, gives_up):
        waiting = Job(
            id=1, queue="q", lock=None, queueing_lock=None, task_name="t", attempts=attempts
        )

        decision = self.RETRIES.get_retry_decision(exception=ValueError(), job=waiting)

        assert (decision is None) is gives_up

    def test_of_the_money_last_about_a_day(self):
        retries = Retries(attempts=100, first_s=1, longest_s=900)

        seconds = sum(retries.pause(attempts) for attempts in range(99))

        assert 12 * 3600 < seconds < 25 * 3600
