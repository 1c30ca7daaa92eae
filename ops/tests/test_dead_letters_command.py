"""`manage.py dead_letters`: what operators see, replay and discard at the command line."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from notevault.accounts.tests.factories import make_user
from notevault.kit import clock
from ops import dead_letters, jobs, replay
from ops.management.commands import dead_letters as command
from ops.models import DeadLetter
from ops.tests.sample_tasks import HERE

pytestmark = pytest.mark.django_db
FAR = 10**9


@pytest.fixture(autouse=True)
def _empty_queue(run_jobs):
    return run_jobs


@pytest.fixture
def bury():
    def make(number=0, *, kind="mail", error="no such note", task="note_down", ago=timedelta()):
        return dead_letters.bury(
            kind=kind,
            task=f"{HERE}.{task}",
            arguments={"text": str(number)},
            error=ValueError(error),
            job_id=FAR + number,
            attempts=3,
            request_id="req_1",
            now=clock.now() - ago,
        )

    return make


@pytest.fixture
def run(capsys):
    """The exit code, and what was written where."""

    def call(*arguments):
        out, err, code = StringIO(), StringIO(), 0
        try:
            call_command("dead_letters", *arguments, stdout=out, stderr=err)
        except CommandError as refusal:
            code = refusal.returncode
            err.write(str(refusal))
        except SystemExit as end:
            code = end.code
        return code, out.getvalue(), err.getvalue()

    return call


def states():
    return sorted(DeadLetter.objects.values_list("state", flat=True))


class TestList:
    def test_shows_the_open_ones(self, bury, run):
        letter, gone = bury(1), bury(2)
        replay.discard(letter_id=gone.pk, why="a test", actor_id=None, now=clock.now())

        code, out, _ = run("list")

        assert code == 0
        assert str(letter.pk) in out
        assert str(gone.pk) not in out
        assert "1 of 1 letters." in out

    def test_gives_them_to_programs(self, bury, run):
        letter = bury(1)

        _, out, _ = run("list", "--json")

        (row,) = json.loads(out)
        assert (row["id"], row["kind"], row["arguments"]) == (str(letter.pk), "mail", {"text": "1"})

    def test_shows_many_letters_of_one_fault_as_one(self, bury, run):
        for number in range(5):
            bury(number, error=f"no order {number}-17")
        bury(7, error="another")

        _, out, _ = run("list", "--group")
        _, as_json, _ = run("list", "--group", "--json")

        assert "6 letters of 2 faults." in out
        assert [fault["letters"] for fault in json.loads(as_json)] == [5, 1]

    @pytest.mark.parametrize(
        ("filters", "found"),
        [
            (["--kind", "mail"], 2),
            (["--kind", f"{HERE}.note_down"], 3),
            (["--older-than", "1h"], 1),
            (["--newer-than", "1h"], 2),
            (["--state", "resolved"], 0),
            (["--state", "any"], 3),
            (["--limit", "1"], 1),
        ],
    )
    def test_is_filtered(self, bury, run, filters, found):
        bury(1)
        bury(2, ago=timedelta(hours=2))
        bury(3, kind="refund")

        code, out, _ = run("list", "--json", *filters)

        assert (code, len(json.loads(out))) == (0, found)

    def test_asks_the_same_queries_however_many(self, bury, run, django_assert_num_queries):
        for number in range(12):
            bury(number)

        with django_assert_num_queries(2):
            run("list")


class TestShow:
    def test_tells_all_of_one(self, bury, run):
        letter = bury(1)
        replay.discard(letter_id=letter.pk, why="a test order", actor_id=None, now=clock.now())

        code, out, _ = run("show", str(letter.pk))

        assert code == 0
        for word in ("ValueError: no such note", letter.fingerprint, "run 3", "a test order"):
            assert word in out

    def test_finds_it_by_the_beginning_of_its_id(self, bury, run):
        letter = bury(1)

        _, out, _ = run("show", str(letter.pk)[:20], "--json")

        assert json.loads(out)["runs"][0]["run"] == 3

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("0198f0c2-0000-7000-8000-000000000000", "There is no dead letter 0198f0c2"),
            ("everything", "is no id of a dead letter"),
            ("0", "Several ids of letters begin with 0"),
        ],
    )
    def test_refuses_what_it_cannot_find(self, bury, run, text, sentence):
        bury(1)
        bury(2)

        code, _, err = run("show", text)

        assert code == 2
        assert sentence in err


class TestReplay:
    def test_puts_those_that_match_back_into_the_queue(self, bury, run, run_jobs):
        bury(1)
        bury(2)
        bury(3, kind="refund")

        code, out, _ = run("replay", "--kind", "mail")

        assert (code, states()) == (0, ["open", "retrying", "retrying"])
        assert "2 put back into the queue, 0 left as they were, 0 refused." in out
        assert len(run_jobs()) == 2
        assert states() == ["open", "resolved", "resolved"]

    def test_says_first_what_it_would_do(self, bury, run):
        bury(1)

        code, out, _ = run("replay", "--all", "--dry-run")

        assert (code, states()) == (0, ["open"])
        assert "1 letters would be put back" in out

    def test_names_who_it_was(self, bury, run):
        staff = make_user("finance", is_staff=True)
        letter, other = bury(1), bury(2)

        run("replay", str(letter.pk), "--by", staff.email)
        run("replay", str(other.pk))

        assert letter.moves.get().actor_id == staff.pk
        assert other.moves.get().why.startswith("replayed, by ")

    def test_is_refused_for_a_task_that_is_gone_and_goes_on(self, bury, run):
        bury(1, task="gone")
        bury(2, task="fail")
        good = bury(3)

        code, out, err = run("replay", "--all")

        assert (code, states()) == (1, ["open", "retrying", "retrying"])
        assert "2 put back into the queue, 0 left as they were, 1 refused." in out
        assert "There is no task ops.tests.sample_tasks.gone in this release." in err
        good.refresh_from_db()
        assert good.state == "retrying"

    def test_leaves_one_that_is_under_way(self, bury, run):
        letter = bury(1)
        replay.replay(letter_id=letter.pk, actor_id=None, now=clock.now())

        code, _, err = run("replay", str(letter.pk))

        assert code == 1
        assert "left as it was, retrying." in err

    def test_keeps_to_its_rate(self, bury, run, monkeypatch):
        slept = []
        monkeypatch.setattr(command.time, "sleep", slept.append)
        monkeypatch.setattr(command.time, "monotonic", lambda: sum(slept))
        for number in range(4):
            bury(number)

        run("replay", "--all", "--rate", "30/min")

        assert sum(slept) == pytest.approx(6.0, abs=0.2)

    @pytest.mark.parametrize(("asked_with", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
    def test_stops_between_two_letters(self, bury, run, monkeypatch, asked_with, code):
        for number in range(3):
            bury(number)
        act = command.bulk.act

        def act_and_be_told(**letter):
            os.kill(os.getpid(), asked_with)
            return act(**letter)

        monkeypatch.setattr(command.bulk, "act", act_and_be_told)
        before = signal.getsignal(asked_with)

        ended, out, _ = run("replay", "--all")

        assert (ended, states()) == (code, ["open", "open", "retrying"])
        assert "Stopped after 1 of 3 letters." in out
        assert signal.getsignal(asked_with) == before


class TestDiscard:
    def test_keeps_the_reason(self, bury, run):
        letter = bury(1)

        code, out, _ = run("discard", "--kind", "mail", "--why", "dead addresses")

        letter.refresh_from_db()
        assert (code, letter.state) == (0, "discarded")
        assert letter.moves.get().why.startswith("dead addresses (by ")
        assert "1 discarded" in out

    def test_demands_one(self, bury, run):
        bury(1)

        with_none, _, _ = run("discard", "--all", "--why", " ")
        with pytest.raises(CommandError, match="--why"):
            call_command("dead_letters", "discard", "--all")

        assert (with_none, states()) == (2, ["open"])


class TestBadInput:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ([], "Say which letters: ids, a filter, or --all."),
            (["--all", "--kind", "mail"], "--all means every letter"),
            (["--kind", "mial"], "There is no kind or task mial. Kinds: alert,"),
            (["--all", "--by", "nobody@example.com"], "No member of the staff has the address"),
            (["--all", "--older-than", "7d", "--newer-than", "1h"], "--all means every letter"),
            (["--older-than", "7d", "--newer-than", "1h"], "swap them"),
        ],
    )
    def test_is_refused_and_nothing_moves(self, bury, run, arguments, sentence):
        bury(1)

        code, _, err = run("replay", *arguments)

        assert (code, states()) == (2, ["open"])
        assert sentence in err

    def test_is_ids_together_with_filters(self, bury, run):
        letter = bury(1)

        code, _, err = run("replay", str(letter.pk), "--all")

        assert (code, states()) == (2, ["open"])
        assert "not both" in err

    @pytest.mark.parametrize(
        "option", [("--rate", "0/s"), ("--rate", "fast"), ("--older-than", "x")]
    )
    def test_is_a_number_that_is_none(self, bury, run, option):
        bury(1)

        code, _, err = run("replay", "--all", *option)

        assert (code != 0, states()) == (True, ["open"])
        assert "is not a" in err

    def test_matches_nothing(self, bury, run):
        bury(1)

        code, _, err = run("discard", "--fingerprint", "0" * 16, "--why", "a test")

        assert (code, states()) == (1, ["open"])
        assert "No letter matches; nothing was changed." in err


def test_every_declared_task_has_a_kind():
    kinds = {task.kind for name, task in jobs.declared.items() if ".tests." not in name}

    assert {"alert", "webhook_event", "refund", "mail", "file"} <= kinds
