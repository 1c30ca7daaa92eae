"""What staff see of dead letters in admin, and how they deal with thousands of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from ops import bulk, dead_letters
from ops.models import DeadLetter
from ops.tests.sample_tasks import HERE

pytestmark = pytest.mark.django_db
LIST = reverse("admin:ops_deadletter_changelist")
FAR = 10**9


def desk_of(group):
    user = make_user(group.lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    client.user = user
    return client


@pytest.fixture
def desk():
    return desk_of("Finance")


@pytest.fixture
def letters(run_jobs):
    """Five of one fault, and a refund of another."""
    mails = [bury(number, "mail", f"no order {number}-17") for number in range(5)]
    return [*mails, bury(5, "refund", "another")]


def bury(number, kind, error, task="note_down"):
    return dead_letters.bury(
        kind=kind,
        task=f"{HERE}.{task}",
        arguments={"text": str(number)},
        error=ValueError(error),
        job_id=FAR + number,
        attempts=3,
        request_id=f"req_of_{number}",
        now=clock.now(),
    )


def act(desk, action, *rows, query="", **fields):
    return desk.post(
        f"{LIST}?{query}",
        {"action": action, "_selected_action": [str(row.pk) for row in rows], **fields},
    )


def said(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def states():
    return sorted(DeadLetter.objects.values_list("state", flat=True))


class TestTheList:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("kind=mail", 5),
            (f"task={HERE}.note_down", 6),
            ("state=resolved", 0),
            ("q=req_of_3", 1),
            (f"q={FAR + 2}", 1),
            ("q=nothing", 0),
        ],
    )
    def test_is_filtered_and_searched(self, desk, letters, query, found):
        page = desk.get(f"{LIST}?{query}")

        assert page.context["cl"].result_count == found

    def test_is_filtered_by_fault(self, desk, letters):
        page = desk.get(f"{LIST}?fingerprint={letters[0].fingerprint}")

        assert page.context["cl"].result_count == 5

    def test_knows_no_filter_that_an_action_would_not_know(self, desk, letters):
        assert desk.get(f"{LIST}?attempts__gt=3").status_code == 400

    def test_asks_as_many_queries_for_one_as_for_many(
        self, desk, letters, django_assert_max_num_queries
    ):
        with django_assert_max_num_queries(8):
            desk.get(LIST)

    def test_shows_a_fault_as_one_line(self, desk, letters):
        page = desk.get(reverse("admin:ops_deadletter_faults"))

        assert [fault.letters for fault in page.context["faults"]] == [5, 1]
        assert b"6 open letters of 2 faults." in page.content


class TestOneLetter:
    def test_shows_its_attempts(self, desk, letters):
        page = desk.get(reverse("admin:ops_deadletter_change", args=[letters[5].pk]))

        assert page.status_code == 200
        assert b"ValueError: another" in page.content
        assert b"Attempts that failed" in page.content

    @pytest.mark.parametrize(("deed", "state"), [("replay", "retrying"), ("discard", "discarded")])
    def test_is_dealt_with_on_its_page_with_a_reason(self, desk, letters, deed, state):
        url = reverse(f"admin:ops_deadletter_{deed}_this", args=[letters[0].pk])

        asked = desk.get(url)
        before = states()
        without = desk.post(url, {"why": ""})
        desk.post(url, {"why": "the server is back", "confirmed": "yes"})

        letters[0].refresh_from_db()
        move = letters[0].moves.get()
        assert (asked.status_code, without.status_code) == (200, 200)
        assert before == ["open"] * 6
        assert letters[0].state == state
        assert (move.why, move.actor_id) == ("the server is back", desk.user.pk)

    def test_of_a_task_that_is_gone_is_refused_with_a_sentence(self, desk, letters):
        gone = bury(9, "mail", "no", task="gone")

        answer = act(desk, "replay", gone, letters[0])

        assert answer.status_code == 302
        assert any(f"There is no task {HERE}.gone in this release." in m for m in said(answer))
        assert states().count("retrying") == 1

    def test_whose_arguments_fit_no_more_is_refused_with_a_sentence(self, desk, letters):
        DeadLetter.objects.filter(pk=letters[0].pk).update(arguments={"words": "x"})

        answer = act(desk, "replay", letters[0])

        assert any("takes other arguments now: missing a required" in m for m in said(answer))
        assert states() == ["open"] * 6

    def test_is_not_for_auditors_to_deal_with(self, letters):
        auditor = desk_of("Auditor")
        url = reverse("admin:ops_deadletter_replay_this", args=[letters[0].pk])

        answers = [auditor.get(url), auditor.post(url, {"why": "curious"})]
        act(auditor, "replay", letters[0], select_across="1", confirmed="yes", why="curious")

        assert [answer.status_code for answer in answers] == [403, 403]
        assert states() == ["open"] * 6


class TestAllThatMatch:
    @pytest.fixture(autouse=True)
    def _small_batches(self, monkeypatch):
        monkeypatch.setattr(bulk, "PER_SECOND", 2)
        monkeypatch.setattr(bulk, "BATCH_S", 1)

    def run_to_the_end(self, run_jobs):
        """Batch after batch, without the pauses between them."""
        from django.db import connection

        ran = []
        while now_ran := run_jobs():
            ran += now_ran
            with connection.cursor() as cursor:
                cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
        return ran

    def test_are_asked_about_first(self, desk, letters):
        page = act(desk, "replay", letters[0], query="kind=mail", select_across="1")

        assert page.status_code == 200
        assert b"5 letters match in all." in page.content
        assert states() == ["open"] * 6

    def test_are_replayed_by_a_job_in_batches(self, desk, letters, run_jobs):
        answer = act(
            desk,
            "replay",
            letters[0],
            query="kind=mail",
            select_across="1",
            confirmed="yes",
            why="the server is back",
        )
        before = states()
        ran = self.run_to_the_end(run_jobs)

        assert said(answer)[0].startswith("5 letters are being put back into the queue")
        assert before == ["open"] * 6
        assert states() == ["open", *["resolved"] * 5]
        assert ran.count(bulk.TASK) == 3
        assert {move.actor_id for move in letters[1].moves.filter(new="retrying")} == {desk.user.pk}

    def test_are_discarded_so_as_well(self, desk, letters, run_jobs):
        act(
            desk,
            "discard",
            letters[0],
            query=f"fingerprint={letters[0].fingerprint}",
            select_across="1",
            confirmed="yes",
            why="a test server",
        )
        self.run_to_the_end(run_jobs)

        assert states() == [*["discarded"] * 5, "open"]
        assert letters[0].moves.get().why == "a test server"

    def test_meet_each_letter_once_though_it_fails_again(self, desk, letters, run_jobs):
        selection = bulk.Selection(state="open")
        bulk.start(deed="replay", selection=selection, why="once", actor_id=None, now=clock.now())
        late = bury(99, "mail", "failed after the replay began")
        self.run_to_the_end(run_jobs)

        late.refresh_from_db()
        assert late.state == "open"

    def test_are_those_of_each_of_two_selections_that_end_at_the_same_time(
        self, desk, letters, run_jobs
    ):
        before = clock.now()
        counts = [
            bulk.start(
                deed="discard",
                selection=bulk.Selection(state="open", fingerprint=fingerprint, before=before),
                why="twice",
                actor_id=None,
                now=clock.now(),
            )
            for fingerprint in (letters[0].fingerprint, letters[-1].fingerprint) * 2
        ]
        self.run_to_the_end(run_jobs)

        # The third and the fourth wait already.
        assert counts == [5, 1, 0, 0]
        assert states() == ["discarded"] * 6

    def test_are_as_many_when_a_batch_is_repeated(self, desk, letters, run_jobs):
        batch = {
            "deed": "replay",
            "selection": bulk.Selection(state="open").as_of(clock.now()),
            "why": "once",
            "actor_id": None,
            "after": None,
            "now": clock.now(),
        }
        bulk.run_batch(**batch)
        bulk.run_batch(**batch)
        self.run_to_the_end(run_jobs)

        assert states() == ["resolved"] * 6
        assert {letter.moves.filter(new="retrying").count() for letter in letters} == {1}
