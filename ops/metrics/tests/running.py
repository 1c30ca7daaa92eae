"""gunicorn with two processes on the database of the test, asked over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import psutil
from django.conf import settings

from ops.tests.own_database import database_url, free_port, wait_for

TOKEN = "a-token-of-the-tests"


class Web:
    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.process, self.port = process, port
        self.folder = folder / f"notevault-metrics-{os.getuid()}-{port}"

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        client = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            client.request(method, path, headers={"Connection": "close", **headers})
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def metrics(self) -> str:
        status, body = self.ask("/metrics", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        return body.decode()

    def sample(self, line: str) -> float:
        """The value of a series, by its name and labels as they are written."""
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.metrics(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    def workers(self) -> list[int]:
        return sorted(child.pid for child in psutil.Process(self.process.pid).children())

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*.db"))

    def kill_worker(self) -> None:
        """SIGKILL, and wait until another has taken its place and all answer."""
        victim = self.workers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: victim not in self.workers() and len(self.workers()) == 2)
        wait_for(self.answers)

    def begin(self) -> socket.socket:
        """A request that is under way for as long as its body does not come."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        client.sendall(
            b"POST /api/v1/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        )
        return client

    def answers(self) -> bool:
        try:
            return self.ask("/health/live")[0] == 200
        except (OSError, HTTPException):
            return False


@contextmanager
def serving(folder: Path, *, port: int = 0, **environment: str) -> Iterator[Web]:
    port = port or free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
            "notevault.wsgi",
        ],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
            "DJANGO_READ_DOT_ENV": "false",
            "DATABASE_URL": database_url(pool_timeout="1"),
            "DEBUG": "false",
            "LOG_LEVEL": "error",
            "METRICS_TOKEN": TOKEN,
            "WEB_BIND": "127.0.0.1",
            "PORT": str(port),
            "WEB_WORKERS": "2",
            "WEB_THREADS": "4",
            "WEB_DRAIN_S": "0",
            "PROMETHEUS_MULTIPROC_DIR": str(folder),
            **environment,
        },
    )
    web = Web(process, port, folder)
    try:
        wait_for(lambda: process.poll() is not None or (web.answers() and len(web.workers()) == 2))
        yield web
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
