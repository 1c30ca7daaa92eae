"""One process of a release, as Kubernetes starts, asks and ends it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import requests

from deploy.rollout.releases import Release
from notevault.demo.processes import HOST, DemoFailed

# A startupProbe's patience, and what is left of the grace after the preStop hook: more than
# WEB_DRAIN_S 5, WEB_FINISH_S 30 and the 5 in which gunicorn's master ends its processes.
READY_WITHIN_S = 60.0
GRACE_S = 45.0
ASK_EVERY_S = 0.2

WEB = ("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "notevault.wsgi:application")
WORKER = ("manage.py", "worker")


@dataclass(frozen=True)
class Ended:
    """How a pod went: its exit code, whether it had to be killed, and the requests it cut."""

    name: str
    code: int | None
    was_killed: bool
    cut: int

    @property
    def is_clean(self) -> bool:
        return self.code == 0 and not self.was_killed and not self.cut


class Pod:
    """Its log is `<log_dir>/<name>.log`."""

    def __init__(
        self, name: str, *, release: Release, environment: Mapping[str, str], log_dir: Path
    ) -> None:
        self.name, self.release = name, release
        self.port = free_port()
        self.log = log_dir / f"{name}.log"
        self._environment = {**os.environ, **environment, "PYTHONPATH": str(release.tree)}
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def serve(self) -> None:
        self._start(*WEB, WEB_BIND=HOST, PORT=str(self.port))
        self._wait_for("/health/ready")

    def work(self) -> None:
        self._start(*WORKER, WORKER_PORT=str(self.port))
        self._wait_for("/health/live")

    def _start(self, *arguments: str, **environment: str) -> None:
        """In a session of its own, so that Ctrl+C reaches only us."""
        with self.log.open("wb") as out:
            self._child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.release.tree,
                env={**self._environment, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _wait_for(self, path: str) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            self.demand_alive()
            if self.answers(path):
                return
            time.sleep(ASK_EVERY_S)
        raise DemoFailed(
            f"{self.name} did not answer {path} within {READY_WITHIN_S:.0f} s; see {self.log}."
        )

    def answers(self, path: str) -> bool:
        try:
            reply = requests.get(f"http://{self.address}{path}", timeout=2)
        except requests.RequestException:
            return False
        return reply.status_code == 200

    def demand_alive(self) -> None:
        if self._child is not None and self._child.poll() is not None:
            tail = self.log.read_text(errors="replace").splitlines()[-12:]
            raise DemoFailed(
                f"{self.name} of {self.release.name} ended by itself with code "
                f"{self._child.returncode}. Its last lines, from {self.log}:\n" + "\n".join(tail)
            )

    def retire(self, *, pre_stop_s: float) -> Ended:
        """The preStop hook, SIGTERM, and its end; killed when its grace is over."""
        child = self._child
        if child is None:
            return Ended(self.name, None, False, 0)
        time.sleep(pre_stop_s)
        child.send_signal(signal.SIGTERM)
        try:
            code: int | None = child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return Ended(self.name, None, True, self._cut())
        return Ended(self.name, code, False, self._cut())

    def kill(self) -> None:
        """At once, with all of its own; nothing happens to one that has ended."""
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def _cut(self) -> int:
        """By its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum(json.loads(line)["cut"] for line in lines if '"event":"web.down"' in line)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
