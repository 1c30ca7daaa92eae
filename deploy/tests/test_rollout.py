"""What the roll-out's play counts, and what it refuses; the play itself is `make rollout`."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from django.conf import settings

from deploy.rollout import releases
from deploy.rollout.load import Answer, Asked, Load, Question
from deploy.rollout.migrating import Migrated
from deploy.rollout.money import Verdict
from deploy.rollout.play import Plan
from deploy.rollout.pods import Ended
from deploy.rollout.report import Outcome, lines, longest_gap
from notevault.chaos.findings import Finding, Harm
from notevault.demo.processes import DemoFailed

STALL_S = 0.6


class TestAPlan:
    @pytest.mark.parametrize(("replacements", "plan"), [(4, (0, 2, 2)), (20, (8, 10, 2))])
    def test_brings_the_release_and_takes_it_back(self, replacements, plan):
        made = Plan.of(replacements)

        assert (made.before, made.forward, made.back) == plan

    def test_has_as_many_replacements_as_were_asked_for(self):
        made = [Plan.of(number) for number in range(4, 201)]

        assert [p.before + p.forward + p.back for p in made] == list(range(4, 201))
        assert min(p.forward for p in made) == 2


class TestThePreviousRelease:
    def test_is_named_by_a_whole_commit(self):
        assert len(releases.named_commit(settings.BASE_DIR / releases.NAMED_IN)) == 40

    @pytest.mark.parametrize("text", ["", "main\n", "6e6f4d6\n", f"{'a' * 40}\n{'b' * 40}\n"])
    def test_that_is_named_otherwise_is_refused(self, tmp_path, text):
        (tmp_path / "named").write_text(text)

        with pytest.raises(DemoFailed, match="by one whole commit id of 40 hex digits"):
            releases.named_commit(tmp_path / "named")

    def test_that_nobody_names_is_refused(self, tmp_path):
        with pytest.raises(DemoFailed, match="cannot be read: No such file"):
            releases.named_commit(tmp_path / "named")

    def test_that_this_clone_lacks_is_told_in_a_sentence(self):
        with pytest.raises(DemoFailed, match=r"not in this clone's history: `git fetch --unsh"):
            releases._archive("0" * 40)


def judged(answer: Answer) -> str:
    return "" if answer.status == 200 else str(answer.status)


@pytest.fixture
def stalling_server():
    """It answers one request after the other, and the fifth of them late."""
    seen = Counter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen["requests"] += 1
            if seen["requests"] == 5:
                time.sleep(STALL_S)
            self.send_response(500 if self.path == "/bad" else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


class TestTheLoad:
    def load(self, port, path="/"):
        question = Question("page", "GET", path, judged)
        return Load(lambda: question, rate=50, host="127.0.0.1", port=port)

    def test_counts_a_stall_for_each_request_that_was_due_in_it(self, stalling_server):
        with self.load(stalling_server) as load:
            time.sleep(1.5)

        late = [asked for asked in load.asked if asked.seconds > STALL_S / 3]
        assert len(late) >= 0.6 * 50 * STALL_S
        assert not any(asked.failure for asked in load.asked)

    def test_leaves_on_schedule_whatever_is_answered(self, stalling_server):
        with self.load(stalling_server) as load:
            time.sleep(1.5)

        dues = sorted(asked.due_at for asked in load.asked)
        assert [round((due - dues[0]) * 50) for due in dues] == list(range(len(dues)))

    def test_tells_what_kind_of_failure_it_was(self, stalling_server):
        with self.load(stalling_server, "/bad") as load:
            time.sleep(0.1)

        assert {asked.failure for asked in load.asked} == {"500"}

    def test_tells_a_door_that_is_closed(self):
        with self.load(1) as load:
            time.sleep(0.1)

        assert {asked.failure for asked in load.asked} == {"ConnectionRefusedError"}


GOOD = Outcome(
    rate=50,
    seconds=2,
    replaced=4,
    asked=[Asked("page", number / 50, 0.01, "", False) for number in range(100)],
    gap_s=0.02,
    migrated=Migrated(3, 0.2, 0.1),
    ended=[Ended("web-01", 0, False, 0)],
    verdict=Verdict(3, 3, 0, 6, [], [], ""),
)


class TestTheVerdict:
    def test_of_a_good_play_is_good(self):
        assert all(GOOD.promises.values())

    @pytest.mark.parametrize(
        "change",
        [
            {"asked": [*GOOD.asked, Asked("page", 2, 0.01, "502", False)]},
            {"asked": [Asked("page", 0, 1.0, "", False)] * 100},
            {"migrated": Migrated(3, 0.2, 1.0)},
            {"ended": [Ended("web-01", 1, False, 0)]},
            {"ended": [Ended("web-01", None, True, 0)]},
            {"ended": [Ended("web-01", 0, False, 1)]},
            {"verdict": replace(GOOD.verdict, captured=0)},
            {"verdict": replace(GOOD.verdict, ledger="I3 is broken")},
            {"verdict": replace(GOOD.verdict, refused_events=["order.paid x: 2 attempts"])},
            {"verdict": replace(GOOD.verdict, findings=[Finding(Harm.LOST, "a payment")])},
        ],
    )
    def test_is_bad_when_one_promise_is_broken_and_says_which(self, change):
        outcome = replace(GOOD, **change)

        assert list(outcome.promises.values()).count(False) == 1
        assert sum(line.startswith("  BROKEN") for line in lines(outcome)) == 1

    def test_does_not_take_a_long_poll_s_patience_for_slowness(self):
        waiting = [Asked("long poll", 0, 9.0, "", True)] * 50

        assert replace(GOOD, asked=[*GOOD.asked, *waiting]).p95_s == 0.01

    def test_knows_the_longest_time_without_an_answer(self):
        asked = [Asked("page", due, 0.0, "", False) for due in (0.0, 0.1, 0.9)]
        failed = Asked("page", 0.5, 0.0, "502", False)

        assert longest_gap([*asked, failed], began_at=0.0) == pytest.approx(0.8)


class TestTheCommand:
    @pytest.mark.parametrize("given", [["--replacements", "3"], ["--rate", "0"], ["--rate", "x"]])
    def test_refuses_what_is_out_of_its_bounds(self, given):
        done = subprocess.run(
            [sys.executable, "-m", "deploy.rollout", *given],
            cwd=Path(settings.BASE_DIR),
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 2
        assert "a whole number from" in done.stderr
