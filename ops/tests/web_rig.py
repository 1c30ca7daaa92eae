"""gunicorn as a real process, and clients that see each byte."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import orjson
import pytest
from django.conf import settings

from ops.tests.own_database import free_port

HOST = "127.0.0.1"
# Sleeps as long as its path says, and then says what it was asked for.
APP = """
import time
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    path = environ["PATH_INFO"].strip("/")
    path = path.replace("health/live", "0")
    size = int(path.partition("big-")[2] or 0)
    time.sleep(0 if size else float(path or 0))
    answer = b"x" * size if size else b"done"
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))]
    start_response("200 OK", headers)
    return [answer]
"""


class Server:
    """One gunicorn. Its lines are read once it has ended."""

    def __init__(self, process, port, out, errors):
        self.process, self.port = process, port
        self.out, self.errors = out, errors

    def connect(self, receive_buffer=0):
        client = socket.socket()
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(20)
        try:
            client.connect((HOST, self.port))
        except OSError:
            client.close()
            raise
        return client

    def kept(self):
        """A client that keeps its connection, closed by `with`."""
        return closing(HTTPConnection(HOST, self.port, timeout=20))

    def workers(self):
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def send(self, path, body=b""):
        client = self.connect()
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        head = head if body else head.replace("POST", "GET")
        client.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return client

    def ask(self, path, body=b""):
        """The status, the whole answer, and the seconds it took."""
        started = time.monotonic()
        with self.send(path, body) as client:
            return *read(client), time.monotonic() - started

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def end(self):
        """Wait for its exit: the code, and the lines it wrote, each of which is JSON."""
        code = self.process.wait(40)
        assert written(self.errors) == ""
        return code, self.lines()

    def lines(self):
        return [orjson.loads(line) for line in written(self.out).splitlines()]


def written(file):
    """A file, and no pipe: a server would wait for its reader."""
    return os.pread(file.fileno(), 2**28, 0).decode()


def read(client):
    answer = b""
    while part := client.recv(65536):
        answer += part
    return int(answer.split()[1]), answer


def launch(app, *options, port, pass_fds=(), **environment):
    out, errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 closed by `stop`
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"),
            *options,
            app,
        ],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "WEB_BIND": HOST,
            "PORT": str(port),
            "WEB_WORKERS": "1",
            "WEB_DRAIN_S": "0",
            "LOG_LEVEL": "info",
            "LOG_JSON": "true",
            "DJANGO_READ_DOT_ENV": "false",
            **environment,
        },
        stdout=out,
        stderr=errors,
        pass_fds=pass_fds,
    )
    return Server(process, port, out, errors)


def stop(server):
    if server.process.poll() is None:
        server.process.send_signal(signal.SIGQUIT)
    server.process.wait(20)
    server.out.close()
    server.errors.close()


def wait_until_it_answers(server, path="/0"):
    for _ in range(300):
        try:
            if server.ask(path)[0] == 200:
                return
        except (OSError, IndexError):
            time.sleep(0.1)
    pytest.fail("the server does not start")


@contextmanager
def sleeper(folder, *, threads=2, queue=8, **environment):
    """The program above, by one process."""
    (folder / "sleeper.py").write_text(APP)
    server = launch(
        "sleeper",
        *("--pythonpath", str(folder)),
        port=free_port(),
        WEB_THREADS=str(threads),
        WEB_QUEUE=str(queue),
        **environment,
    )
    try:
        wait_until_it_answers(server)
        yield server
    finally:
        stop(server)


@contextmanager
def busy(server, count, path):
    """So many requests are under way, sent one after the other; yields their connections."""
    clients = []
    for _ in range(count):
        clients.append(server.send(path))
        time.sleep(0.02)
    time.sleep(0.1)
    yield clients
    for client in clients:
        client.close()
