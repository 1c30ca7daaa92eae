"""The demo's three processes: web, worker and sandbox, each with a log file of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
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
    child: subprocess.Popen[bytes]
    log: Path


class Processes:
    """A context: what was started in it is stopped when it ends, in reverse order."""

    def __init__(self, *, log_dir: Path, environment: dict[str, str]) -> None:
        self.log_dir = log_dir
        self.environment = {**os.environ, **environment}
        self._running: list[_Process] = []

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

    def start(self, name: str, *arguments: str) -> None:
        """`python <arguments>`, in a session of its own so that Ctrl+C reaches only us."""
        log = self.log_dir / f"{name}.log"
        with log.open("wb") as out:
            child = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._running.append(_Process(name, child, log))

    def start_all(self, *, web: str, sandbox_port: int) -> None:
        """Sandbox, worker and web, until they answer."""
        hook = f"{web}/api/v1/webhooks/razorpay"
        self.start(
            "sandbox",
            *("manage.py", "razorpay_sandbox", "--port", str(sandbox_port)),
            *("--webhook-url", hook),
        )
        self.start("worker", "manage.py", "worker")
        self.start(
            "web",
            *("-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
            "notevault.wsgi:application",
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
            if process.child.poll() is not None:
                tail = process.log.read_text(errors="replace").splitlines()[-12:]
                raise DemoFailed(
                    f"The {process.name} process ended with code {process.child.returncode}. "
                    f"Its last lines, from {process.log}:\n" + "\n".join(tail)
                )
