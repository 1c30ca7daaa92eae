"""What is counted once it has committed, and what the worker counts of its jobs."""

from __future__ import annotations

import contextlib

import pytest
from django.db import connection, transaction
from procrastinate.jobs import Job

from ops import jobs, upstream
from ops.instruments import UPSTREAM_CALLS, count
from ops.jobs import Retries, RetryLater
from ops.metrics.tests.counting import Since
from ops.transactions import use_case


@pytest.fixture
def since():
    return Since()


@use_case
def count_one(*, fails: bool = False) -> None:
    count(UPSTREAM_CALLS, "shelf", "ok")
    if fails:
        raise LookupError


@pytest.mark.django_db(transaction=True)
class TestWhatAUseCaseCounts:
    def test_is_counted_once_it_has_committed(self, since):
        with transaction.atomic():
            count(UPSTREAM_CALLS, "shelf", "ok")
            before = since("upstream_calls_total", upstream="shelf", outcome="ok")

        assert before == 0
        assert since("upstream_calls_total", upstream="shelf", outcome="ok") == 1

    def test_is_nothing_when_it_is_rolled_back(self, since):
        with pytest.raises(LookupError):
            count_one(fails=True)

        assert since.grown("upstream_calls_total") == {}

    def test_is_counted_once_though_it_had_to_run_twice(self, since):
        runs = []

        @use_case
        def conflicting() -> None:
            count(UPSTREAM_CALLS, "shelf", "ok")
            runs.append(1)
            if len(runs) == 1:
                with connection.cursor() as cursor:
                    cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")

        conflicting()

        assert len(runs) == 2
        assert since("upstream_calls_total", upstream="shelf", outcome="ok") == 1


@pytest.mark.django_db
class TestARunOfAJob:
    TASK = "ops.tests.a_task"

    def run(self, function, *, attempts=0):
        job = Job(
            **{"id": 7, "queue": "shelf", "lock": None, "queueing_lock": None},
            **{"task_name": self.TASK, "task_kwargs": {}, "attempts": attempts},
        )
        jobs._run_or_bury(function, self.TASK, Retries(attempts=2, errors=2), job, {})

    @pytest.mark.parametrize(
        ("error", "attempts", "outcome"),
        [
            (None, 0, "done"),
            (RetryLater("not yet"), 0, "retried"),
            (ValueError("poison"), 0, "retried"),
            (ValueError("poison"), 1, "buried"),
        ],
    )
    def test_is_counted_by_what_became_of_it(self, error, attempts, outcome, since):
        def work():
            if error:
                raise error

        with contextlib.suppress(RetryLater, ValueError):
            self.run(work, attempts=attempts)

        # In the order of the labels' names: outcome, queue, task.
        assert since.grown("jobs_finished_total") == {(outcome, "shelf", self.TASK): 1}
        assert since("job_seconds_count", queue="shelf") == 1

    def test_of_the_schedule_fails_without_another_try(self, since):
        def work():
            raise ValueError

        with pytest.raises(ValueError):
            jobs._run_counted(work, self.TASK, "shelf")

        assert since.grown("jobs_finished_total") == {("failed", "shelf", self.TASK): 1}


@pytest.mark.django_db(transaction=True)
class TestACallOfSomebodyElse:
    def test_is_counted_by_its_outcome_and_timed_when_it_was_made(self, since):
        def calling(most_s=5.0):
            return upstream.calling("shelf", most_s=most_s, refusal=lambda _: LookupError())

        with calling() as call:
            call.succeeded = True
        with calling():
            pass
        with pytest.raises(LookupError), calling(most_s=0.1):
            pass

        assert since.grown("upstream_calls_total") == {
            ("failed", "shelf"): 1,
            ("ok", "shelf"): 1,
            ("refused", "shelf"): 1,
        }
        assert since("upstream_call_seconds_count", upstream="shelf") == 2
