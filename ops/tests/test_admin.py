"""What staff do with breakers and dead letters in admin."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from ops import breakers, dead_letters
from ops.models import Backup, CircuitBreaker

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance():
    user = make_user("finance", is_staff=True)
    user.groups.add(Group.objects.get(name="Finance"))
    return user


@pytest.fixture
def desk(finance):
    client = Client()
    client.force_login(finance)
    return client


def act(desk, model, action, row, **fields):
    return desk.post(
        reverse(f"admin:ops_{model}_changelist"),
        {"action": action, "_selected_action": [str(row.pk)], **fields},
    )


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


@pytest.fixture
def breaker():
    breakers.admit("razorpay")
    return CircuitBreaker.objects.get()


@pytest.fixture
def letter(run_jobs):
    return dead_letters.bury(
        task="payments.tasks.send_refund",
        arguments={"refund_id": "0198f0c2"},
        error=ValueError("no such refund"),
        job_id=7,
        attempts=8,
        request_id="req_1",
        now=clock.now(),
    )


class TestForcingABreaker:
    def test_asks_for_a_reason_first(self, desk, breaker):
        page = act(desk, "circuitbreaker", "force_open", breaker)

        assert page.status_code == 200
        assert b"Reason" in page.content
        breaker.refresh_from_db()
        assert breaker.forced == ""

    def test_holds_it_with_the_reason_and_who_gave_it(self, desk, breaker, finance):
        done = act(
            desk, "circuitbreaker", "force_open", breaker, confirmed="yes", why="maintenance"
        )

        breaker.refresh_from_db()
        assert (done.status_code, said(done)) == (302, ["1 forced open."])
        assert (breaker.forced, breaker.forced_why) == ("open", "maintenance")
        assert breaker.moves.get().actor_id == finance.pk

    def test_ends_by_a_release(self, desk, breaker):
        act(desk, "circuitbreaker", "force_closed", breaker, confirmed="yes", why="a drill")
        act(desk, "circuitbreaker", "release", breaker, confirmed="yes", why="over")

        breaker.refresh_from_db()
        assert (breaker.forced, breaker.moves.count()) == ("", 2)

    def test_is_not_for_auditors(self, breaker):
        user = make_user("auditor", is_staff=True)
        user.groups.add(Group.objects.get(name="Auditor"))
        auditor = Client()
        auditor.force_login(user)

        act(auditor, "circuitbreaker", "force_open", breaker, confirmed="yes", why="curious")

        breaker.refresh_from_db()
        assert breaker.forced == ""


class TestDeadLetters:
    def test_are_replayed_once(self, desk, letter, run_jobs):
        first = act(desk, "deadletter", "replay", letter)
        again = act(desk, "deadletter", "replay", letter)

        letter.refresh_from_db()
        assert letter.state == "retrying"
        assert said(first) == ["1 put back into the queue."]
        assert said(again)[-1] == "0 put back into the queue."

    def test_are_discarded_with_a_reason(self, desk, letter, finance):
        act(desk, "deadletter", "discard", letter, confirmed="yes", why="a test order")

        letter.refresh_from_db()
        move = letter.moves.get()
        assert (letter.state, move.why, move.actor_id) == (
            "discarded",
            "a test order",
            finance.pk,
        )

    def test_show_their_history(self, desk, letter):
        page = desk.get(reverse("admin:ops_deadletter_change", args=[letter.pk]))

        assert page.status_code == 200
        assert b"no such refund" in page.content


class TestABackup:
    def test_is_shown_with_its_size_in_words(self, admin_client):
        now = clock.now()
        Backup.objects.create(
            location="file:///a.dump",
            name="a.dump",
            started_at=now,
            finished_at=now,
            sha256="0" * 64,
            size_bytes=4_700_000,
            schema_version="abc",
        )

        page = admin_client.get(reverse("admin:ops_backup_changelist")).content.decode()

        assert "4.7 MB" in page
