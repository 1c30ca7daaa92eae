"""Starts locust in its own virtual environment, and ends it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deploy.load import plan, recorder
from notevault.demo.processes import DemoFailed

ROOT = Path(__file__).resolve().parents[2]
LOCUST = ".venv-load/bin/locust"
# Longer than its slowest visit, and then for its report.
END_WITHIN_S = plan.LAST_VISIT_S + 30
LAST_LINES = 12


@dataclass(frozen=True)
class Run:
    """All that locust is told. `people` are scenarios.Person as dicts."""

    base_url: str
    form: plan.Form
    mix: Mapping[str, int]
    people: list[dict[str, Any]]
    sandbox_url: str = ""
    digests: Mapping[str, str] | None = None
    seed: int = 1


class Generator:
    """A context. Its files are in `home`: they hold tokens, so only their owner reads them."""

    def __init__(self, run: Run, *, home: Path) -> None:
        self.run, self.home = run, home
        self.report = home / "report.html"
        self.log = home / "locust.log"
        self._result = home / "result.json"

    def __enter__(self) -> Generator:
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True, mode=0o700)
        told = {**asdict(self.run), "digests": self.run.digests or {}, "result": str(self._result)}
        run_file = self.home / "run.json"
        run_file.write_text(json.dumps(told))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    *(os.environ.get("LOCUST", LOCUST), "--headless", "--only-summary"),
                    *("--locustfile", "deploy/load/locustfile.py", "--html", str(self.report)),
                    *("--csv", str(self.home / "locust"), "--loglevel", "WARNING"),
                    *("--stop-timeout", str(plan.LAST_VISIT_S), "--exit-code-on-error", "0"),
                ],
                cwd=ROOT,
                env={**_without_secrets(), "LOAD_RUN": str(run_file), "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        (self.home / "run.json").unlink(missing_ok=True)

    def wait(self, watch: Callable[[float], None]) -> dict[str, Any]:
        """What it has recorded. `watch` is told the seconds now and then.

        Raises DemoFailed when it ends otherwise, or not in time.
        """
        begun = time.monotonic()
        latest = begun + self.run.form.seconds + END_WITHIN_S
        while self.process.poll() is None:
            if time.monotonic() > latest:
                raise DemoFailed(f"locust does not come to its end. Its log is {self.log}.")
            watch(time.monotonic() - begun)
            time.sleep(0.2)
        if self.process.returncode or not self._result.exists():
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-LAST_LINES:])
            raise DemoFailed(f"locust ended with code {self.process.returncode}:\n{tail}")
        return recorder.read(self._result)


def _without_secrets() -> dict[str, str]:
    """It needs nothing of ours but what it is told."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def demand_locust() -> None:
    program = ROOT / os.environ.get("LOCUST", LOCUST)
    if not program.exists():
        raise DemoFailed(f"{program} is missing: `make load` installs it.")
