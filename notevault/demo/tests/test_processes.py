"""Processes die by a kill and come back by a revival."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from notevault.demo.processes import DemoFailed, Processes, demand_demo_settings

SLEEPER = ("-c", "import time; print('awake', flush=True); time.sleep(60)")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    with Processes(log_dir=tmp_path / "logs", environment={}) as running:
        running.start("sleeper", *SLEEPER)
        yield running


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class TestAProcess:
    def test_is_left_alone_while_it_runs(self, processes: Processes) -> None:
        assert processes.revive() == []
        processes.demand_alive()

    def test_that_was_killed_is_missed_and_revived(self, processes: Processes) -> None:
        processes.kill("sleeper")

        with pytest.raises(DemoFailed, match="sleeper process ended with code -9"):
            processes.demand_alive()
        assert processes.revive() == ["sleeper"]
        processes.demand_alive()

    def test_that_was_asked_to_end_may_take_its_time(self, processes: Processes) -> None:
        processes.kill("sleeper", signal.SIGTERM)

        until(lambda: processes.revive() == ["sleeper"])

    def test_keeps_its_log_over_a_revival(self, processes: Processes) -> None:
        log = processes.log_dir / "sleeper.log"
        until(lambda: log.read_text() == "awake\n")

        processes.kill("sleeper")
        processes.revive()

        until(lambda: log.read_text() == "awake\nawake\n")

    def test_keeps_its_environment_over_a_revival(self, tmp_path: Path) -> None:
        show = "import os; print(os.environ['COMMON'], os.environ['OWN'], flush=True)"
        common = {"COMMON": "common", "OWN": "common"}
        with Processes(log_dir=tmp_path / "logs", environment=common) as running:
            running.start("shower", "-c", show, OWN="own")
            log = running.log_dir / "shower.log"

            until(lambda: running.revive() == ["shower"])

            until(lambda: log.read_text() == "common own\ncommon own\n")

    def test_may_be_killed_when_it_has_ended(self, processes: Processes) -> None:
        processes.kill("sleeper")

        processes.kill("sleeper")

        assert processes.revive() == ["sleeper"]

    def test_loses_one_child_and_lives(self, tmp_path: Path) -> None:
        parent = (
            "import subprocess, sys, time\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
            "print('born', flush=True)\n"
            "print(child.wait(), flush=True)\n"
            "time.sleep(60)\n"
        )
        with Processes(log_dir=tmp_path / "logs", environment={}) as running:
            running.start("parent", "-c", parent)
            log = running.log_dir / "parent.log"
            until(lambda: "born" in log.read_text())

            running.kill_child("parent", pick=0.9)

            until(lambda: "-9" in log.read_text())
            running.demand_alive()


class TestWhatWritesNotesAndMovesMoney:
    @pytest.fixture(autouse=True)
    def local(self, settings: Any) -> None:
        settings.DEBUG = True
        settings.NOTE_STORAGE = "notes.storage.local.LocalNoteStorage"
        settings.RAZORPAY_KEY_ID = "rzp_test_sandbox"

    def test_runs_on_a_machine_of_a_developer(self) -> None:
        demand_demo_settings("chaos")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DEBUG", False),
            ("RAZORPAY_KEY_ID", "rzp_live_abcdefghijklmn"),
            ("NOTE_STORAGE", "notes.storage.cloudinary.CloudinaryNoteStorage"),
        ],
    )
    def test_refuses_real_accounts(self, settings: Any, name: str, value: object) -> None:
        setattr(settings, name, value)

        with pytest.raises(DemoFailed, match="`make chaos`"):
            demand_demo_settings("chaos")
