"""Jobs that give up: kept, replayed, discarded; none is lost, none runs for ever."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import pytest
from django.core.management import call_command
from procrastinate.contrib.django import app
from procrastinate.jobs import Job

from notevault.kit import clock
from ops import dead_letters, jobs, replay
from ops.jobs import Retries, RetryLater
from ops.models import DeadLetter
from ops.tests import sample_tasks
from ops.tests.sample_tasks import HERE, QUEUE

pytestmark = pytest.mark.django_db(transaction=True)


def work():
    call_command("worker", "--once", "--queue", QUEUE, "--concurrency", "1")


@pytest.fixture(autouse=True)
def _empty_queue(run_jobs):
    sample_tasks.ran.clear()


@pytest.fixture
def letter():
    jobs.defer(f"{HERE}.fail", text="no such note 0198f0c2")
    work()
    return DeadLetter.objects.get()


class TestAJobThatGaveUp:
    def test_is_kept_with_its_arguments_and_error(self, letter):
        assert (letter.state, letter.task) == ("open", f"{HERE}.fail")
        assert letter.arguments == {"text": "no such note 0198f0c2"}
        assert letter.error == "ValueError: no such note 0198f0c2"
        assert letter.attempts == 3
        assert letter.request_id.startswith("req_")

    def test_that_waited_for_somebody_is_kept_as_well(self):
        jobs.defer(f"{HERE}.not_yet", times=99)
        work()

        assert DeadLetter.objects.get().error == "RetryLater: it is too early"

    def test_leaves_no_letter_when_it_succeeds_at_last(self):
        jobs.defer(f"{HERE}.not_yet", times=2)
        work()

        assert not DeadLetter.objects.exists()

    def test_tells_its_secrets_to_nobody(self):
        jobs.defer(f"{HERE}.fail", text="password=hunter2 of asha@example.com")
        work()

        error = DeadLetter.objects.get().error
        assert "hunter2" not in error
        assert "asha@example.com" not in error

    def test_is_kept_once_though_burying_is_repeated(self, letter):
        dead_letters.bury(
            task=letter.task,
            arguments=letter.arguments,
            error=ValueError("again"),
            job_id=letter.job_id,
            attempts=3,
            request_id="",
            now=clock.now(),
        )

        assert DeadLetter.objects.count() == 1


class TestReplay:
    def test_ends_resolved_when_the_job_does_its_work(self, letter, monkeypatch):
        DeadLetter.objects.update(task=f"{HERE}.note_down")

        assert replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
        work()

        letter.refresh_from_db()
        assert letter.state == "resolved"
        assert [text for text, _ in sample_tasks.ran[3:]] == ["no such note 0198f0c2"]

    def test_opens_the_same_letter_when_it_fails_again(self, letter):
        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
        work()

        letter.refresh_from_db()
        assert (letter.state, letter.attempts) == ("open", 6)
        assert DeadLetter.objects.count() == 1

    def test_is_refused_while_one_is_under_way(self, letter):
        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())

        assert not replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())

    def test_is_possible_after_a_discard(self, letter):
        actor_id = uuid4()
        assert replay.discard(letter_id=letter.pk, why="a test", actor_id=actor_id, now=clock.now())
        assert letter.moves.get().actor_id == actor_id
        assert not replay.discard(letter_id=letter.pk, why="", actor_id=None, now=clock.now())

        assert replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())


class TestFingerprint:
    def test_is_the_same_for_the_same_fault(self):
        one = dead_letters.fingerprint_of("task", "ValueError: order 0198f0c2-17 is 5 s late")
        same = dead_letters.fingerprint_of("task", "ValueError: order 77ab3c-9 is 12 s late")
        other = dead_letters.fingerprint_of("task", "KeyError: order 0198f0c2-17 is 5 s late")

        assert one == same
        assert one != other


class TestHowOftenAJobIsTried:
    def test_is_bounded_sooner_for_one_that_fails_by_itself(self):
        patient = Retries(attempts=140)

        assert patient.is_last(ValueError("poison"), attempts=7)
        assert not patient.is_last(ValueError("poison"), attempts=6)
        assert not patient.is_last(RetryLater("the gateway is away"), attempts=138)
        assert patient.is_last(RetryLater("the gateway is away"), attempts=139)

    def test_is_never_beyond_its_own_attempts(self):
        assert Retries(attempts=3).is_last(ValueError(), attempts=2)

    def test_holds_for_one_that_kills_its_worker(self, monkeypatch):
        from ops import tasks

        stalled = Job(
            id=7,
            queue=QUEUE,
            lock=None,
            queueing_lock=None,
            task_name=f"{HERE}.note_down",
            task_kwargs={"text": "deadly"},
            attempts=2,
        )
        finished = []

        async def found(*_args, **_options):
            return [stalled]

        async def finish(_queue, job, **options):
            finished.append((job.id, options["status"].value))

        monkeypatch.setattr(jobs.Queue, "get_stalled_jobs", found)
        monkeypatch.setattr(jobs.Queue, "finish_job", finish)

        tasks.retry_stalled_jobs()

        assert finished == [(7, "failed")]
        assert DeadLetter.objects.get().error.startswith("WorkerKilled")
        assert app.tasks[f"{HERE}.note_down"].retry_strategy.attempts == 3


class TestDeadLettersThatGrow:
    def test_show_in_the_metrics_and_are_one_fault_by_their_fingerprint(self, client, settings):
        """More than ten is what operators are alerted of; each letter was tried so often."""
        settings.DEBUG = True
        for number in range(11):
            jobs.defer(f"{HERE}.fail", text=f"no order {number:08x}-17 after {number} s")
        jobs.defer(f"{HERE}.not_yet", times=99)
        work()

        metrics = client.get("/metrics").content.decode()

        letters = DeadLetter.objects.all()
        assert 'notevault_dead_letters{state="open"} 12.0' in metrics
        assert Counter(letters.values_list("fingerprint", flat=True)).most_common(1)[0][1] == 11
        assert set(letters.values_list("attempts", flat=True)) == {3}

    def test_grow_by_none_while_one_of_them_is_replayed_and_fails(self, letter):
        for _ in range(3):
            replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
            work()

        letter.refresh_from_db()
        assert (DeadLetter.objects.count(), letter.state, letter.attempts) == (1, "open", 12)


class TestItsFailedRuns:
    def test_are_kept_with_their_errors_and_durations(self, letter):
        runs = letter.runs.order_by("run").values_list("run", "error", "job_id")

        error = "ValueError: no such note 0198f0c2"
        assert list(runs) == [(run, error, letter.job_id) for run in (1, 2, 3)]
        assert all(0 <= run.ms < 5000 for run in letter.runs.all())

    def test_are_one_for_a_job_that_waited_for_somebody(self):
        jobs.defer(f"{HERE}.not_yet", times=99)
        work()

        run = DeadLetter.objects.get().runs.get()
        assert (run.run, run.error) == (3, "RetryLater: it is too early")

    def test_grow_with_each_replay(self, letter):
        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
        work()

        assert letter.runs.count() == 6
        assert letter.runs.values("job_id").distinct().count() == 2


class TestBurying:
    def test_changes_nothing_for_a_job_whose_letter_was_replayed_since(self, letter):
        """Its worker was killed between burying and marking: others take the job up again."""
        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())

        dead_letters.bury(
            task=letter.task,
            arguments=letter.arguments,
            error=ValueError("once more"),
            job_id=letter.job_id,
            attempts=3,
            request_id="",
            now=clock.now(),
        )

        letter.refresh_from_db()
        assert (DeadLetter.objects.count(), letter.state) == (1, "retrying")

    def test_bounds_the_error(self):
        jobs.defer(f"{HERE}.fail", text="x" * 100_000)
        work()

        letter = DeadLetter.objects.get()
        assert len(letter.error) == 500
        assert {len(run.error) for run in letter.runs.all()} == {500}
