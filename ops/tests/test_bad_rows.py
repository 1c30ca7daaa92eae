"""The queue holds whatever was written to it: one bad row must not hold up the good ones."""

from __future__ import annotations

import pytest
from django.db import connection

from notevault.kit.tests.log_output import log_output
from ops import dead_letters, jobs, tasks, upkeep
from ops.models import DeadLetter
from ops.tests.sample_tasks import HERE, QUEUE

pytestmark = pytest.mark.django_db(transaction=True)

BAD_ARGUMENTS = [
    "[1, 2]",
    '"x"',
    '{"dead_letter_id": "nope", "text": "t"}',
    f'{{"request_id": "{"r" * 200}", "text": "t"}}',
]


def sql(statement, *arguments):
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture(autouse=True)
def _empty_queue(run_jobs):
    sql("DELETE FROM procrastinate_workers")


def write(status, *, args='{"text": "good"}', queue=QUEUE, task=f"{HERE}.note_down", attempts=3):
    ((job_id,),) = sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, args, status, attempts)"
        " VALUES (%s, %s, %s, %s::procrastinate_job_status, %s) RETURNING id",
        queue,
        task,
        args,
        status,
        attempts,
    )
    return job_id


def state_of(job_id):
    return sql("SELECT status::text FROM procrastinate_jobs WHERE id = %s", job_id)[0][0]


def fail_for(job_id, monkeypatch):
    """As would happen for a row that nobody has thought of."""
    bury = dead_letters.bury

    def fail(**letter):
        if letter["job_id"] == job_id:
            raise ValueError("a row that nobody has thought of")
        return bury(**letter)

    monkeypatch.setattr(dead_letters, "bury", fail)


class TestAJobThatFailed:
    @pytest.mark.parametrize("args", BAD_ARGUMENTS)
    def test_is_buried_whatever_its_arguments_are(self, args, now):
        job_id = write("failed", args=args)

        assert upkeep.bury_unseen(now=now) == 1

        letter = DeadLetter.objects.get()
        assert (letter.job_id, letter.state) == (job_id, "open")
        assert len(letter.request_id) <= 128

    def test_keeps_arguments_that_no_task_can_take(self, now):
        write("failed", args="[1, 2]")

        upkeep.bury_unseen(now=now)

        assert DeadLetter.objects.get().arguments == {"args": [1, 2]}

    def test_is_buried_though_its_unknown_queue_has_a_long_name(self, now):
        write("failed", queue="q" * 60, task="tasks.gone")

        assert upkeep.bury_unseen(now=now) == 1

        assert DeadLetter.objects.get().kind == "q" * 40

    def test_does_not_keep_the_next_one_from_being_buried(self, now, monkeypatch):
        bad, good = write("failed"), write("failed")
        fail_for(bad, monkeypatch)

        with log_output() as output:
            buried = upkeep.bury_unseen(now=now)

        assert (buried, DeadLetter.objects.get().job_id) == (1, good)
        assert [line["job_id"] for line in output.events("job.not_buried")] == [bad]


class TestAJobOfAKilledWorker:
    def test_does_not_keep_the_next_one_from_being_given_back(self, monkeypatch):
        bad, good = write("doing"), write("doing", attempts=0)
        fail_for(bad, monkeypatch)

        with log_output() as output:
            tasks.retry_stalled_jobs()

        assert (state_of(bad), state_of(good)) == ("doing", "todo")
        assert [line["job_id"] for line in output.events("job.not_given_back")] == [bad]

    @pytest.mark.parametrize("args", BAD_ARGUMENTS)
    def test_is_buried_whatever_its_arguments_are(self, args):
        job_id = write("doing", args=args)

        tasks.retry_stalled_jobs()

        assert (state_of(job_id), DeadLetter.objects.get().job_id) == ("failed", job_id)


def test_a_job_that_names_no_letter_ends_well(run_jobs):
    jobs.defer(f"{HERE}.note_down", text="t", dead_letter_id="nope")

    run_jobs()

    assert DeadLetter.objects.count() == 0
