"""The worker's own port: `/metrics`, and `/health/live` for its liveness probe.

Of the standard library, in threads beside the jobs: it answers while every job's thread is
taken. A client that says nothing keeps one thread for five seconds, and however slowly clients
move, the oldest of too many gives way to the next.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any

from ops import heartbeats
from ops.metrics import access, exposition

SILENCE_S = 5.0
AT_ONCE = 8
TEXT = "text/plain; charset=utf-8"


class PortUnusable(Exception):
    """The message says which, and why."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE_S
    server_version = "notevault"
    sys_version = ""

    def do_GET(self) -> None:
        match self.path.partition("?")[0]:
            case "/health/live":
                self._live()
            case "/metrics" if access.is_allowed(self.headers.get("Authorization", "")):
                accept = self.headers.get("Accept", "")
                self._answer(200, *exposition.render(exposition.Worker(), accept=accept))
            case _:
                self._answer(404, b"There is nothing here.\n", TEXT)

    def _live(self) -> None:
        """The loop turns, and the database has had its heartbeat lately."""
        if heartbeats.is_young():
            self._answer(200, b'{"status":"ok"}', "application/json")
        else:
            self._answer(503, b'{"status":"unavailable"}', "application/json")

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 the base class's name
        """Probes and scrapes fill no log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, host: str) -> None:
        super().__init__((host, port), _Handler)
        self._open: list[socket] = []
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.append(request)
            if len(self._open) > AT_ONCE:
                with suppress(OSError):  # it has gone by itself
                    self._open.pop(0).shutdown(SHUT_RDWR)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock, suppress(ValueError):  # it gave way
                self._open.remove(request)

    def handle_error(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """A client that hung up, mostly. Nobody waits for an answer any more."""


def _is_taken(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


@contextmanager
def serving(*, port: int, host: str = "0.0.0.0") -> Iterator[None]:  # noqa: S104 a pod
    """Within it, answer on this port; on none when it is 0. PortUnusable when it is taken."""
    if not port:
        yield
        return
    try:
        server = _Server(port, host)
    except (OSError, OverflowError) as error:
        why = "is in use" if _is_taken(error) else f"cannot be used: {error}"
        raise PortUnusable(f"Port {port} {why} (WORKER_PORT).") from error
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
