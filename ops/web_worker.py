"""gunicorn's threaded worker, with an end to its queue, to its patience and to itself.

gthread takes every connection and lets it wait for a thread, however many do. Here at most
WEB_QUEUE requests wait, none of them long; one more is answered 503 at once, so that a client
hears in milliseconds what it would else have given up waiting for. `/health/live` is
answered even then: a busy process is alive.

A request gets a thread once its head is whole, and its body where that is small; until then it
waits in the poller, where it costs nothing, for at most HEAD_S. Nothing here blocks the loop that
accepts connections, and that never stops to accept: where there is no room, whoever has kept
silent longest makes it.

At SIGTERM the worker goes on for WEB_DRAIN_S, so that whoever routes by `/health/ready` can
notice, and asks each client to close. Then it takes what has come, closes its socket, and has
WEB_FINISH_S for what is under way.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import selectors
import socket
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import structlog
from django.conf import settings
from gunicorn.http import errors
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from notevault.kit import correlation, deadline
from notevault.settings import number
from ops import draining, web_answers
from ops.transactions import close_pools
from ops.web_socket import PatientSocket

HEAD_S = 10.0
HEAD_BYTES = 32 * 1024
# A larger one is read by a thread, as is one that its client holds back until it is told to go on.
SMALL_BODY_BYTES = 64 * 1024
LONGEST_WAIT_S = 2.5
LINGER_S = 2.0
READ_BYTES = 64 * 1024
# Open files that are not connections of clients: of the database, the log, the metrics.
OTHER_FILES = 200
SHED_AT_ONCE = 16

LIVENESS = b"GET /health/live "
TOO_LATE = object()

log = structlog.get_logger("notevault.web")


class ClosingRequest(Request):
    """Asks its client to close the connection when the process is draining.

    The first answer stands: it is what the response's header says.
    """

    closes: bool | None = None

    def should_close(self) -> bool:
        if self.closes is None:
            self.closes = draining.is_draining() or bool(super().should_close())
        return self.closes


class BoundedThreadWorker(ThreadWorker):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        waiting = number.whole("WEB_QUEUE", default=4 * self.cfg.threads)
        self.most_under_way: int = self.cfg.threads + waiting
        self.under_way = 0
        self.worker_connections = most_connections(
            self.cfg.worker_connections, files=resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        )
        self.max_keepalived = self.worker_connections - self.cfg.threads
        self.is_out_of_files = False
        self.told_crowded_at = -HEAD_S
        self.parting: dict[TConn, float] = {}
        self.drain_s = number.seconds("WEB_DRAIN_S", default=5)
        self.finish_s = number.whole("WEB_FINISH_S", default=30)
        self.accept_until: float | None = None

    # The way in

    def accept(self, listener: socket.socket) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            self.is_out_of_files = True

    def make_room(self) -> None:
        """Between two turns of the loop: in one of them, a socket that was closed could still
        have its event ahead."""
        surplus = self.nr_conns + 1 - self.worker_connections
        if self.is_out_of_files:
            self.is_out_of_files = False
            surplus = max(surplus, SHED_AT_ONCE)
        if surplus > 0:
            self.say_crowded()
        for _ in range(surplus):
            self.shed()

    def shed(self) -> None:
        """First who has an answer, then who has not asked yet, then who may ask again."""
        if self.parting:
            self.drop(next(iter(self.parting)))
        elif self.pending_conns:
            self.hang_up(self.pending_conns[0])
        elif self.keepalived_conns:
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            conn.close()

    def say_crowded(self) -> None:
        now = time.monotonic()
        if now - self.told_crowded_at >= HEAD_S:
            self.told_crowded_at = now
            log.warning("web.crowded", connections=self.nr_conns, silent=len(self.pending_conns))

    def enqueue_req(self, conn: TConn) -> None:
        """Called by gthread for a new connection, and whenever a request begins on one."""
        if conn.parser is None:
            conn.sock = PatientSocket.of(conn.sock)
            conn.head = b""
        else:
            conn.head = conn.parser.unreader.take_buffered()
        conn.sock.setblocking(False)
        conn.began = time.perf_counter()
        conn.timeout = time.monotonic() + HEAD_S
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self.read_head, conn))
        if conn.head:
            self.look_at_head(conn)

    def read_head(self, conn: TConn, client: socket.socket) -> None:
        try:
            data = client.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        conn.head += data
        if data:
            self.look_at_head(conn)
        else:
            self.hang_up(conn)

    def look_at_head(self, conn: TConn) -> None:
        end = conn.head.find(b"\r\n\r\n")
        if end < 0:
            if len(conn.head) > HEAD_BYTES:
                self.stop_reading(conn)
                self.refuse_head(conn)
        elif len(conn.head) >= end + 4 + small_body(conn.head[: end + 2]):
            self.stop_reading(conn)
            self.admit(conn)

    def stop_reading(self, conn: TConn) -> None:
        self.pending_conns.remove(conn)
        self.poller.unregister(conn.sock)

    def hang_up(self, conn: TConn) -> None:
        self.stop_reading(conn)
        self.nr_conns -= 1
        conn.close()

    def admit(self, conn: TConn) -> None:
        if self.under_way < self.cfg.threads:
            self.submit(conn)
        elif conn.head.startswith(LIVENESS):
            self.answer(conn, web_answers.alive())
        elif self.under_way < self.most_under_way:
            self.submit(conn)
        else:
            self.refuse(conn)

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
        conn.sock.begin()
        conn.init()
        conn.parser.mesg_class = ClosingRequest
        conn.parser.unreader.unread(conn.head)
        return super().handle(conn)

    def handle_error(self, req: Any, client: PatientSocket, addr: Any, exc: Exception) -> None:
        """In a thread. gunicorn's own lines name the header or the URL at fault, which may be
        a secret."""
        request_id = correlation.new_request_id()
        if isinstance(exc, errors.ParseException) and not isinstance(exc, _OUR_FAULT):
            log.warning("request.unreadable", reason=type(exc).__name__, request_id=request_id)
            answer = web_answers.unreadable(request_id, _CLOSER_STATUS.get(type(exc), 400))
        else:
            log.error("request.failed", exc_info=exc, request_id=request_id)
            answer = web_answers.failed(request_id)
        with suppress(OSError):  # the client is gone
            client.sendall(answer)

    # The way out

    def finish_request(self, conn: TConn, done: Future[Any]) -> None:
        self.under_way -= 1
        failed = done.cancelled() or done.exception() is not None
        if not failed and done.result() is TOO_LATE:
            self.refuse(conn)
        elif not failed and not done.result():
            self.part_from(conn)
        else:
            super().finish_request(conn, done)

    def refuse(self, conn: TConn) -> None:
        request_id = correlation.log_refused(head=conn.head, status=503, started=conn.began)
        # Not sooner: the master imports this file too, and must leave no figures of its own.
        from ops.metrics.http import count_turned_away

        count_turned_away()
        self.answer(conn, web_answers.busy(request_id))

    def refuse_head(self, conn: TConn) -> None:
        request_id = correlation.new_request_id()
        log.warning("request.unreadable", reason="LimitRequestHeaders", request_id=request_id)
        self.answer(conn, web_answers.unreadable(request_id, 431))

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
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self.hang_up(conn)
        for conn in [conn for conn, until in self.parting.items() if until <= now]:
            self.drop(conn)
        self.make_room()
        if self.alive and self.accept_until is not None and now >= self.accept_until:
            self.close_the_door()

    # The end

    def run(self) -> None:
        # From here on gunicorn means the time after the door is closed.
        self.cfg.set("graceful_timeout", self.finish_s)
        log.info("web.up", pid=self.pid)
        super().run()
        correlation.log_cut()
        if settings.configured:
            close_pools()
        log.info("web.down", pid=self.pid, cut=self.under_way)
        sys.stdout.flush()
        # Python would wait for threads that are under way until gunicorn's master kills us, and
        # take the interpreter apart for two seconds of CPU, which those need that serve on.
        os._exit(0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM. Not ready from now on, and in `drain_s` the door is closed."""
        if self.accept_until is None:
            draining.begin()
            self.accept_until = time.monotonic() + self.drain_s
            self.method_queue.defer(self.say_draining)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: at once."""
        draining.begin()
        super().handle_quit(sig, frame)

    def say_draining(self) -> None:
        log.info("web.draining", pid=self.pid, under_way=self.under_way, accepts_s=self.drain_s)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        if self.alive and self.accept_until is not None:
            timeout = min(timeout, max(0.0, self.accept_until - time.monotonic()))
        super().wait_for_and_dispatch_events(timeout)

    def close_the_door(self) -> None:
        """Who has connected by now is served. gthread would leave the socket open to the end,
        and whoever came meanwhile would be reset then."""
        self.set_accept_enabled(False)
        for listener in self.sockets:
            listener.setblocking(False)
            before = -1
            while self.nr_conns > before:
                before = self.nr_conns
                self.accept(listener)
            listener.close()
        self.alive = False
        soon = time.monotonic() + LINGER_S
        for conn in self.pending_conns:
            if not conn.head:  # such as a browser's spare connection
                conn.timeout = min(conn.timeout, soon)


_BODY_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,5})[ \t]*\r\n", re.IGNORECASE)
_HELD_BACK = re.compile(rb"\r\nexpect:", re.IGNORECASE)


def small_body(head: bytes) -> int:
    """How many bytes of a body are worth waiting for, before a thread does."""
    found = _BODY_LENGTH.search(head)
    length = int(found[1]) if found and not _HELD_BACK.search(head) else 0
    return length if length <= SMALL_BODY_BYTES else 0


def most_connections(configured: int, *, files: int) -> int:
    """As many as configured, and as the process may open files beside its others."""
    if files == resource.RLIM_INFINITY:
        return configured
    return min(configured, max(files - OTHER_FILES, files // 2))


_OUR_FAULT = (errors.InvalidResponseHeader, errors.InvalidResponseHeaderName)
_CLOSER_STATUS = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}
