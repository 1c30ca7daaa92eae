"""Letters that are replayed by themselves, with growing pauses and an end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from ops import dead_letters, jobs, replay, upkeep
from ops.models import DeadLetter
from ops.revival import Revival
from ops.tests import sample_tasks
from ops.tests.sample_tasks import HERE, PATIENT, QUEUE

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LIKE_ALERTS = Revival(first=5 * MINUTE, longest=6 * HOUR, until=72 * HOUR)


class TestPauses:
    @pytest.mark.parametrize(
        ("lain", "longest"),
        [(timedelta(), 5 * MINUTE), (HOUR, HOUR), (10 * HOUR, 6 * HOUR)],
    )
    def test_grow_as_long_as_the_letter_lies(self, now, lain, longest):
        pauses = {LIKE_ALERTS.next_at(buried_at=now - lain, now=now) - now for _ in range(50)}

        assert all(longest / 2 <= pause <= longest for pause in pauses)
        assert len(pauses) > 40

    def test_are_never_beyond_the_end(self, now):
        assert LIKE_ALERTS.next_at(buried_at=now - 72 * HOUR + MINUTE, now=now) <= now + MINUTE

    def test_end(self, now):
        assert LIKE_ALERTS.next_at(buried_at=now - 72 * HOUR, now=now) is None


@pytest.mark.django_db(transaction=True)
class TestALetter:
    @pytest.fixture(autouse=True)
    def _empty_queue(self, run_jobs):
        sample_tasks.ran.clear()

    @pytest.fixture
    def at(self, monkeypatch, now):
        """Set the clock, look for what is due, and let a worker do it."""

        def reach(time):
            monkeypatch.setattr("notevault.kit.clock.now", lambda: time)
            replayed = replay.replay_due(now=time)
            call_command("worker", "--once", "--queue", QUEUE, "--concurrency", "1")
            return replayed

        return reach

    @pytest.fixture
    def letter(self, at, now):
        jobs.defer(f"{HERE}.reach_the_receiver", until=3)
        at(now)
        return DeadLetter.objects.get()

    def test_of_a_patient_task_is_replayed_until_it_is_resolved(self, letter, at, now):
        assert at(now + PATIENT.first / 3) == 0
        assert at(now + PATIENT.first) == 1
        letter.refresh_from_db()
        assert (letter.state, letter.next_replay_at > now + PATIENT.first) == ("open", True)

        assert at(letter.next_replay_at) == 1

        letter.refresh_from_db()
        assert (letter.state, letter.next_replay_at) == ("resolved", None)
        assert letter.closed_at is not None
        assert len(sample_tasks.ran) == 3

    def test_is_left_to_a_person_once_its_time_is_over(self, letter, at, now):
        sample_tasks.ran.clear()

        assert at(now + PATIENT.until) == 1
        letter.refresh_from_db()
        assert (letter.state, letter.next_replay_at) == ("open", None)
        assert at(now + 2 * PATIENT.until) == 0

    def test_whose_replay_vanished_from_the_queue_is_replayed_again(self, letter, at, now):
        replay.replay_due(now=now + PATIENT.first)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")

        upkeep.reopen_stuck(now=now + PATIENT.first)

        letter.refresh_from_db()
        assert letter.state == "open"
        assert at(letter.next_replay_at) == 1

    def test_of_any_other_task_stays_with_a_person_when_its_replay_vanished(self, at, now):
        jobs.defer(f"{HERE}.fail", text="poison")
        at(now)
        replay.replay(letter_id=DeadLetter.objects.get().pk, actor_id=None, now=now)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")

        upkeep.reopen_stuck(now=now)

        letter = DeadLetter.objects.get()
        assert (letter.state, letter.next_replay_at) == ("open", None)

    def test_that_a_person_has_discarded_stays_discarded(self, letter, at, now):
        replay.discard(letter_id=letter.pk, why="an old test", actor_id=None, now=now)

        assert at(now + PATIENT.until) == 0
        letter.refresh_from_db()
        assert (letter.state, letter.closed_at) == ("discarded", now)

    def test_of_any_other_task_waits_for_a_person(self, at, now):
        jobs.defer(f"{HERE}.fail", text="poison")
        at(now)

        assert at(now + 72 * HOUR) == 0
        assert DeadLetter.objects.get().next_replay_at is None

    def test_of_a_task_that_is_gone_is_left_to_a_person(self, letter, at, now):
        DeadLetter.objects.update(task="tasks.of_an_earlier_release")

        assert at(now + PATIENT.first) == 0

        letter.refresh_from_db()
        assert (letter.state, letter.next_replay_at) == ("open", None)

    def test_is_due_once_though_two_workers_look(self, letter, now):
        due = now + PATIENT.first

        assert [replay.replay_due(now=due), replay.replay_due(now=due)] == [1, 0]


@pytest.mark.django_db
def test_what_is_due_is_bounded(now):
    for job_id in range(10**9, 10**9 + 3):
        dead_letters.bury(
            task=f"{HERE}.note_down",
            arguments={"text": "late"},
            error=ValueError("no"),
            job_id=job_id,
            attempts=1,
            request_id="",
            now=now,
            revival=PATIENT,
        )

    assert replay.replay_due(now=now + PATIENT.first, limit=2) == 2
