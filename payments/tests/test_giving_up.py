"""Whatever gives up is a dead letter, of each kind of work, and its replay ends it."""

from __future__ import annotations

import threading

import pytest
from django.core.management import call_command
from django.db import close_old_connections, connection

from notevault.kit import clock
from notevault.kit.ids import uuid7
from ops import jobs, replay, upkeep
from ops.models import DeadLetter
from payments import mails

pytestmark = pytest.mark.django_db(transaction=True)

# A job about a row that is not there is poison.
WORK = {
    "alert": ("alerts.tasks.deliver_alert", {"alert_id": str(uuid7())}),
    "webhook_event": ("payments.tasks.handle_event", {"event_id": str(uuid7())}),
    "refund": ("payments.tasks.send_refund", {"refund_id": str(uuid7())}),
    "file": ("notes.tasks.remove_unused_file", {"file_id": str(uuid7())}),
    "mail": (
        "payments.tasks.send_mail",
        {"kind": "receipt", "subject_id": str(uuid7()), "recipient_id": str(uuid7())},
    ),
}


@pytest.fixture(autouse=True)
def mail_server_away(monkeypatch, run_jobs):
    def refuse(**_):
        raise mails.MailNotSent("the server is away")

    monkeypatch.setattr(mails, "send", refuse)


def work_for_the_last_time():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET attempts = 139 WHERE status = 'todo'")
    call_command("worker", "--once", "--concurrency", "1")


@pytest.fixture
def given_up():
    for task, arguments in WORK.values():
        jobs.defer(task, **arguments)
    work_for_the_last_time()
    return {letter.kind: letter for letter in DeadLetter.objects.all()}


class TestWorkThatGivesUp:
    def test_is_a_dead_letter_of_its_kind(self, given_up):
        found = {kind: (letter.task, letter.arguments) for kind, letter in given_up.items()}

        assert found == WORK
        assert {letter.attempts for letter in given_up.values()} == {140}
        assert all(letter.runs.count() == 1 for letter in given_up.values())

    def test_is_not_found_missing_by_anybody(self, given_up):
        assert upkeep.bury_unseen(now=clock.now()) == 0
        assert upkeep.reopen_stuck(now=clock.now()) == 0

    def test_opens_again_when_its_replay_fails(self, given_up):
        for letter in given_up.values():
            replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
        work_for_the_last_time()

        assert set(DeadLetter.objects.values_list("state", flat=True)) == {"open"}
        assert DeadLetter.objects.count() == len(WORK)

    def test_is_resolved_when_its_replay_succeeds(self, given_up, monkeypatch):
        monkeypatch.setattr(mails, "send", lambda **_: None)
        letter = given_up["mail"]

        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())
        work_for_the_last_time()

        letter.refresh_from_db()
        assert letter.state == "resolved"

    def test_is_replayed_once_though_two_of_the_staff_press_at_once(self, given_up):
        letter, said = given_up["refund"], []
        together = threading.Barrier(2)

        def press():
            together.wait()
            said.append(replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now()))
            close_old_connections()
            connection.close()

        staff = [threading.Thread(target=press) for _ in range(2)]
        for person in staff:
            person.start()
        for person in staff:
            person.join()

        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            waiting = cursor.fetchone()[0]
        assert (sorted(said), waiting) == ([False, True], 1)
