"""Nothing that gave up is missing from the dead letters, and nothing stays there for ever."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from notevault.kit import clock
from ops import dead_letters, jobs, replay, upkeep
from ops.models import DeadLetter, DeadLetterMove, FailedRun
from ops.tests import sample_tasks
from ops.tests.sample_tasks import HERE, QUEUE
from ops.upkeep import KEEP_RUNS

pytestmark = pytest.mark.django_db(transaction=True)
MONTH = timedelta(days=30)


def sql(statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


def work():
    call_command("worker", "--once", "--queue", QUEUE, "--concurrency", "1")


def fail_in_the_queue(**changes):
    """A job that the queue holds as failed, and that nobody buried."""
    job_id = jobs.defer(f"{HERE}.note_down", text="forgotten")
    columns = {"status": "failed", "attempts": 3, **changes}
    for column, value in columns.items():
        sql(f"UPDATE procrastinate_jobs SET {column} = %s WHERE id = %s", value, job_id)
    return job_id


@pytest.fixture(autouse=True)
def _empty_queue(run_jobs):
    sample_tasks.ran.clear()


@pytest.fixture
def letter(now):
    job_id = jobs.defer(f"{HERE}.fail", text="poison")
    work()
    assert DeadLetter.objects.get().job_id == job_id
    return DeadLetter.objects.get()


class TestAJobThatFailedUnseen:
    def test_is_buried(self, now):
        job_id = fail_in_the_queue()

        assert upkeep.bury_unseen(now=now) == 1

        letter = DeadLetter.objects.get()
        assert (letter.job_id, letter.attempts, letter.kind) == (job_id, 3, QUEUE)
        assert letter.arguments == {"text": "forgotten"}
        assert letter.error.startswith("EndedUnseen")
        assert upkeep.bury_unseen(now=now) == 0

    def test_is_buried_though_its_task_is_gone(self, now):
        fail_in_the_queue(task_name="tasks.of_an_earlier_release")

        upkeep.bury_unseen(now=now)

        letter = DeadLetter.objects.get()
        assert (letter.task, letter.kind) == ("tasks.of_an_earlier_release", QUEUE)
        assert letter.error.startswith("TaskIsGone: There is no task tasks.of_an_earlier_release")

    def test_opens_the_letter_it_was_replayed_from(self, letter, now):
        replay.replay(letter_id=letter.pk, actor_id=None, now=now)
        sql("UPDATE procrastinate_jobs SET status = 'failed' WHERE status = 'todo'")

        assert upkeep.bury_unseen(now=now) == 1

        letter.refresh_from_db()
        assert (DeadLetter.objects.count(), letter.state) == (1, "open")

    def test_is_left_to_its_next_run_when_it_is_periodic(self, now):
        fail_in_the_queue(args='{"timestamp": 1}')

        assert upkeep.bury_unseen(now=now) == 0

    def test_is_no_job_whose_letter_was_replayed_and_failed_again(self, letter, now):
        replay.replay(letter_id=letter.pk, actor_id=None, now=now)
        work()

        assert upkeep.bury_unseen(now=now) == 0
        assert DeadLetter.objects.count() == 1

    def test_reaches_the_table_when_a_worker_meets_a_task_of_another_release(self, now):
        job_id = jobs.defer(f"{HERE}.note_down", text="forgotten")
        sql("UPDATE procrastinate_jobs SET task_name = 'tasks.gone' WHERE id = %s", job_id)
        work()

        upkeep.bury_unseen(now=now)

        assert DeadLetter.objects.get().task == "tasks.gone"


class TestAReplayThatVanished:
    @pytest.mark.parametrize(
        "vanish",
        [
            "DELETE FROM procrastinate_jobs WHERE status = 'todo'",
            "UPDATE procrastinate_jobs SET status = 'cancelled' WHERE status = 'todo'",
        ],
    )
    def test_opens_its_letter_again(self, letter, now, vanish):
        replay.replay(letter_id=letter.pk, actor_id=None, now=now)
        sql(vanish)

        assert upkeep.reopen_stuck(now=now) == 1

        letter.refresh_from_db()
        assert (letter.state, letter.moves.order_by("pk").last().why) == (
            "open",
            "its replay has vanished",
        )

    def test_is_none_that_waits_in_the_queue(self, letter, now):
        replay.replay(letter_id=letter.pk, actor_id=None, now=now)

        assert upkeep.reopen_stuck(now=now) == 0

        letter.refresh_from_db()
        assert letter.state == "retrying"


class TestLettersThatAreOver:
    def remove(self, now, staying=()):
        return upkeep.remove_over(before=now - MONTH, staying=staying, now=now)

    def test_are_removed_with_their_runs_and_moves(self, letter, now):
        replay.discard(letter_id=letter.pk, why="a test", actor_id=None, now=now)

        assert self.remove(now + MONTH) == 0
        assert self.remove(now + MONTH + timedelta(seconds=1)) == 1
        counts = [model.objects.count() for model in (DeadLetter, DeadLetterMove, FailedRun)]
        assert counts == [0, 0, 0]

    def test_are_never_open_ones(self, letter, now):
        assert self.remove(clock.now() + 10 * MONTH) == 0

    def test_are_never_those_that_are_replayed_after_a_discard(self, letter, now):
        replay.discard(letter_id=letter.pk, why="a test", actor_id=None, now=now)
        replay.replay(letter_id=letter.pk, actor_id=None, now=now)

        assert self.remove(now + 2 * MONTH) == 0

    def test_stay_when_a_promise_counts_on_the_discarded_one(self, letter, now):
        replay.discard(letter_id=letter.pk, why="a test", actor_id=None, now=now)

        assert self.remove(now + 2 * MONTH, staying={letter.task}) == 0

    def test_are_removed_batch_by_batch(self, now, monkeypatch):
        monkeypatch.setattr(upkeep, "BATCH", 2)
        for job_id in range(10**9, 10**9 + 5):
            bury(job_id, now)
        DeadLetter.objects.update(state="resolved", closed_at=now)

        assert self.remove(now + 2 * MONTH) == 5

    def test_take_the_runs_along_whose_job_succeeded_after_all(self, now):
        error = ValueError("once")
        dead_letters.note_failure(job_id=10**9, run=1, error=error, ms=4, now=now)

        self.remove(now + KEEP_RUNS)
        assert FailedRun.objects.count() == 1

        self.remove(now + KEEP_RUNS + timedelta(seconds=1))
        assert FailedRun.objects.count() == 0


def bury(job_id, now):
    return dead_letters.bury(
        task=f"{HERE}.note_down",
        arguments={"text": "late"},
        error=ValueError("no"),
        job_id=job_id,
        attempts=1,
        request_id="",
        now=now,
    )
