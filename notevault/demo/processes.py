"""Web, worker and sandbox as processes, each with a log file of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import requests
from django.conf import settings

HOST = "127.0.0.1"
START_WITHIN_S = 30.0
STOP_WITHIN_S = 15.0


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and what to do."""


def demand_demo_settings(command: str) -> None:
    """What writes notes and moves money at will never runs on real accounts."""
    is_local = settings.NOTE_STORAGE.endswith("LocalNoteStorage")
    if not settings.DEBUG or not is_local or "live" in settings.RAZORPAY_KEY_ID:
        raise DemoFailed(
            f"`{command}` runs on its own data, not on real accounts: start it with "
            f"`make {command}`, which leaves .env aside."
        )


def demand_free_port(port: int, *, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise DemoFailed(
                f"Port {port} is in use by another program. Stop it, or choose another port: "
                f"make demo {variable}=…"
            ) from error


@dataclass
class _Process:
    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    child: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        return self.child.poll() is not None


class Processes:
    """A context: what was started in it is stopped when it ends, in reverse order.

    `kill` and `revive` may be called from different threads.
    """

    def __init__(self, *, log_dir: Path, environment: dict[str, str]) -> None:
        self.log_dir = log_dir
        self.environment = {**os.environ, **environment}
        self._running: list[_Process] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Processes:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in reversed(self._running):
            process.child.terminate()
        for process in reversed(self._running):
            self._reap(process)

    def _reap(self, process: _Process) -> None:
        try:
            process.child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.child.kill()
            process.child.wait()

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """`python <arguments>`, in a session of its own so that Ctrl+C reaches only us."""
        log = self.log_dir / f"{name}.log"
        log.unlink(missing_ok=True)
        own = {**self.environment, **environment}
        child = self._spawn(arguments, own, log)
        self._running.append(_Process(name, arguments, own, child, log))

    def _spawn(
        self, arguments: tuple[str, ...], environment: dict[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def pid(self, name: str) -> int:
        return self._named(name).child.pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal: SIGKILL to all of the process's own, as a container dies, another
        one to its head alone. Nothing happens to one that has ended."""
        process = self._named(name)
        with self._lock:
            if process.has_ended:
                return
            if number == signal.SIGKILL:
                os.killpg(process.child.pid, number)
                process.child.wait()
            else:
                process.child.send_signal(number)

    def kill_child(self, name: str, *, pick: float) -> None:
        """SIGKILL to one of its own children, such as one of gunicorn's; `pick` from 0 to 1."""
        found = subprocess.run(
            ["pgrep", "-P", str(self._named(name).child.pid)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        children = sorted(map(int, found.stdout.split()))
        if children:
            os.kill(children[int(pick * len(children))], signal.SIGKILL)

    def revive(self) -> list[str]:
        """Start again what has ended, as a supervisor would; returns the names."""
        with self._lock:
            ended = [process for process in self._running if process.has_ended]
            for process in ended:
                process.child = self._spawn(process.arguments, process.environment, process.log)
        return [process.name for process in ended]

    def _named(self, name: str) -> _Process:
        return next(process for process in self._running if process.name == name)

    def start_all(
        self, *, web: str, sandbox_port: int, sandbox_options: Sequence[str] = ()
    ) -> None:
        """Sandbox, worker and web, until they answer."""
        hook = f"{web}/api/v1/webhooks/razorpay"
        self.start(
            "sandbox",
            *("manage.py", "razorpay_sandbox", "--port", str(sandbox_port)),
            *("--webhook-url", hook),
            *sandbox_options,
            DEBUG="true",  # which it asks for, whatever the others run with
        )
        self.start("worker", "manage.py", "worker")
        self.start(
            "web",
            *("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
            "notevault.wsgi:application",
            WEB_DRAIN_S="0",  # nobody routes by its readiness
        )
        self.wait_for(f"http://{HOST}:{sandbox_port}/health")
        self.wait_for(f"{web}/health/ready")

    def wait_for(self, url: str) -> None:
        """Until the URL answers 200. DemoFailed when a process ends or time runs out."""
        deadline = time.monotonic() + START_WITHIN_S
        while time.monotonic() < deadline:
            self.demand_alive()
            try:
                if requests.get(url, timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise DemoFailed(f"{url} did not answer within {START_WITHIN_S:.0f} s.")

    def demand_alive(self) -> None:
        for process in self._running:
            if process.has_ended:
                tail = process.log.read_text(errors="replace").splitlines()[-12:]
                raise DemoFailed(
                    f"The {process.name} process ended with code {process.child.returncode}. "
                    f"Its last lines, from {process.log}:\n" + "\n".join(tail)
                )
