"""gunicorn's threaded worker, with an end to its queue.

gthread takes every connection and lets it wait for a thread, however many do. Here at most
WEB_QUEUE requests wait, none of them long; one more is answered 503 at once, so that a client
hears in milliseconds what it would else have given up waiting for. `/health/live` is
answered even then: a busy process is alive.

Nothing here blocks the loop that accepts connections: a client that says nothing, or does
not close its end, waits in the poller.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from notevault.kit import deadline
from notevault.kit.correlation import new_request_id
from notevault.kit.problems import CATALOGUE

FIRST_BYTE_S = 5.0
LONGEST_WAIT_S = 2.5
LINGER_S = 2.0
READ_BYTES = 64 * 1024

LIVENESS = b"GET /health/live "
ALIVE = b'{"status":"ok"}'
TOO_LATE = object()


class BoundedThreadWorker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waiting = int(os.environ.get("WEB_QUEUE") or 4 * self.cfg.threads)
        self.most_under_way: int = self.cfg.threads + waiting
        self.under_way = 0
        self.parting: dict[TConn, float] = {}

    # The way in

    def enqueue_req(self, conn: TConn) -> None:
        """Called by gthread for a new connection, and whenever a request begins on one."""
        if not (conn.initialized or conn.data_ready):
            self.wait_for_first_byte(conn)
        elif self.under_way < self.cfg.threads:
            self.submit(conn)
        elif _begins_with(conn, LIVENESS):
            self.answer(conn, _response(200, "application/json", ALIVE))
        elif self.under_way < self.most_under_way:
            self.submit(conn)
        else:
            self.answer(conn, _busy())

    def wait_for_first_byte(self, conn: TConn) -> None:
        """In the poller, where it takes no thread; gthread calls `enqueue_req` again."""
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + FIRST_BYTE_S
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def submit(self, conn: TConn) -> None:
        self.under_way += 1
        conn.queued_at = time.monotonic()
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """In a thread. What has waited too long could not be answered in time any more."""
        waited = time.monotonic() - conn.queued_at
        if waited > LONGEST_WAIT_S:
            return TOO_LATE
        deadline.begin_after(waited)
        return super().handle(conn)

    # The way out

    def finish_request(self, conn: TConn, done: Future[Any]) -> None:
        self.under_way -= 1
        failed = done.cancelled() or done.exception() is not None
        if not failed and done.result() is TOO_LATE:
            self.answer(conn, _busy())
        elif not failed and not done.result():
            self.part_from(conn)
        else:
            super().finish_request(conn, done)

    def answer(self, conn: TConn, response: bytes) -> None:
        """A few hundred bytes, which the empty buffer of a socket always takes."""
        with suppress(OSError):  # the client is gone
            conn.sock.setblocking(False)
            conn.sock.send(response)
        self.part_from(conn)

    def part_from(self, conn: TConn) -> None:
        """Close once the client has: earlier, unread bytes of a request would make the
        kernel reset the connection, and the answer could be lost (RFC 9112 section 9.6)."""
        self.parting[conn] = time.monotonic() + LINGER_S
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.drain, conn))
        except (OSError, ValueError):
            self.drop(conn)

    def drain(self, conn: TConn, client: socket.socket) -> None:
        try:
            is_open = bool(client.recv(READ_BYTES))
        except BlockingIOError:
            is_open = True
        except OSError:
            is_open = False
        if not is_open:
            self.drop(conn)

    def drop(self, conn: TConn) -> None:
        del self.parting[conn]
        with suppress(KeyError, ValueError):  # never registered, when the client was gone
            self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Called by gthread in each turn of its loop."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn, until in self.parting.items() if until <= now]:
            self.drop(conn)


def _begins_with(conn: TConn, text: bytes) -> bool:
    """Looks at the request without taking it off the socket."""
    try:
        start: bytes = conn.sock.recv(len(text), socket.MSG_PEEK)
    except OSError:
        return False
    return start == text


def _busy() -> bytes:
    """What `notevault.kit.http.problem` would say, without the application."""
    # Not sooner: the master, which imports this file too, has nothing to count.
    from ops.metrics.http import count_turned_away

    count_turned_away()
    known = CATALOGUE["service_unavailable"]
    request_id = new_request_id()
    body = {
        "type": "/api/errors/#service_unavailable",
        "title": known.title,
        "status": known.status,
        "detail": "Too many requests are waiting already. Try again shortly.",
        "code": "service_unavailable",
        "request_id": request_id,
        "errors": [],
        "retryable": known.retryable,
    }
    headers = {
        "Retry-After": "1",
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        "X-Correlation-ID": request_id,
    }
    return _response(503, "application/problem+json", json.dumps(body).encode(), headers)


def _response(
    status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
) -> bytes:
    lines = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    reason = {200: "OK", 503: "Service Unavailable"}[status]
    head = f"HTTP/1.1 {status} {reason}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{head}\r\n".encode() + body
