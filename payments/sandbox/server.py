"""The HTTP server around the sandbox, and a sandbox for tests."""

import json
import logging
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Any

from payments.sandbox.app import Config, Sandbox
from payments.sandbox.entities import Entity
from payments.sandbox.errors import RazorpayError, unrelated_to_payment
from payments.sandbox.messages import (
    ConnectionCut,
    Request,
    Response,
    error_response,
    parse_fields,
)
from payments.sandbox.routing import dispatch, perform

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MAX_BODY = 1024 * 1024
MAX_DRAIN = 16 * MAX_BODY

logger = logging.getLogger("razorpay_sandbox.requests")


class AddressUnusable(Exception):
    """The server cannot listen there; mostly because another program does."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        """Bind without the look-up of the host's name that HTTPServer makes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def opened(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def drop_connections(self) -> None:
        """Cut the connections that clients keep open, so that none outlives the server."""
        with self._connections_lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; the rest is."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "RazorpaySandbox"
    timeout = 75
    wbufsize = -1
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def answer_request(self) -> None:
        started = time.perf_counter()
        try:
            answer = dispatch(self.server.sandbox, self._read())
        except RazorpayError as refusal:
            answer = error_response(refusal)
        except ConnectionCut as cut:
            self._hang_up(cut)
            logger.info("%s %r %s", self.command, self.path, cut)
            return
        self._write(answer)
        took = (time.perf_counter() - started) * 1000
        logger.info("%s %r %s %.1f ms", self.command, self.path, answer.status, took)

    def _hang_up(self, cut: ConnectionCut) -> None:
        """Close the connection; a reset must not be preceded by the usual orderly shutdown."""
        self.close_connection = True
        if cut.is_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

    def _read(self) -> Request:
        path, _, query = self.path.partition("?")
        body = self._read_body()
        return Request(
            method=self.command,
            path=path,
            query=parse_fields(query),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _read_body(self) -> bytes:
        """At most 1 MiB of stated length; raises RazorpayError for anything else."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self.close_connection = True
            raise unrelated_to_payment("Content-Length is required.", status=411)
        if int(length) <= MAX_BODY:
            return self.rfile.read(int(length))
        self.close_connection = True
        self._drain(min(int(length), MAX_DRAIN))
        raise unrelated_to_payment("The request body is larger than 1 MiB.", status=413)

    def _drain(self, length: int) -> None:
        """Read on, so that the client gets to see the answer instead of a reset."""
        while length > 0 and (chunk := self.rfile.read(min(length, 65536))):
            length -= len(chunk)

    def _write(self, answer: Response) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="Razorpay"')
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        return self.server_version

    def log_message(self, *args: Any) -> None:
        """Requests are logged once they are answered."""


for method in METHODS:
    setattr(Handler, f"do_{method}", Handler.answer_request)


class RunningSandbox:
    """A sandbox on a thread of its own; it answers as soon as it exists."""

    def __init__(self, config: Config, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.app = Sandbox(config)
        try:
            self._server = Server((host, port), self.app)
        except OSError as error:
            self.app.stop()
            raise _address_unusable(host, port, error) from error
        self.url = f"http://{host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="razorpay-sandbox", daemon=True
        )
        self._stop_lock = threading.Lock()
        self._stopped = False
        self.app.start()
        self._thread.start()

    def pay(self, order_id: str, vpa: str = "success@razorpay", **fields: str) -> dict[str, Any]:
        """Pay as a buyer would: ids and signature, or Razorpay's error object."""
        request = Request(
            method="POST",
            path=f"/checkout/{order_id}/pay",
            headers={"content-type": "application/json"},
            body=json.dumps({"method": "upi", "vpa": vpa} | fields).encode(),
        )
        return dispatch(self.app, request).json()

    def arm(
        self,
        kind: str,
        *,
        where: str = "*",
        times: int = 1,
        seconds: float | None = None,
        match: str = "",
    ) -> Entity:
        """Arm a fault as POST /faults does; raises RazorpayError when there is no such fault."""
        wish = {"kind": kind, "where": where, "times": times, "seconds": seconds, "match": match}
        return self.app.faults.arm(wish)

    def act(self, path: str, **fields: Any) -> dict[str, Any]:
        """Post to a path of the control endpoint, such as /payments/{id}/authorize.

        Gives its JSON answer; raises RazorpayError when it refuses.
        """
        request = Request(method="POST", path=path, body=json.dumps(fields).encode())
        return perform(self.app, request).json()

    def stop(self) -> None:
        """Stop answering and sending; a second call does nothing."""
        with self._stop_lock:
            if self._stopped:
                return
            self._stopped = True
        self.app.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.drop_connections()
        self._thread.join()
        self.app.stop()


def _address_unusable(host: str, port: int, error: OSError) -> AddressUnusable:
    if error.errno == EADDRINUSE:
        return AddressUnusable(
            f"Port {port} is already in use: stop the other program or choose another --port."
        )
    return AddressUnusable(f"Cannot listen on {host}:{port}: {error.strerror or error}.")


@contextmanager
def running_sandbox(
    *,
    key_id: str,
    key_secret: str,
    webhook_secret: str,
    webhook_url: str | None = None,
    state: str = ":memory:",
    clock: float = 1.0,
) -> Iterator[RunningSandbox]:
    """A sandbox on a free port for the length of the block."""
    sandbox = RunningSandbox(
        Config(
            key_id=key_id,
            key_secret=key_secret,
            webhook_secret=webhook_secret,
            webhook_url=webhook_url,
            state=str(state),
            clock_speed=clock,
        )
    )
    try:
        yield sandbox
    finally:
        sandbox.stop()


def serve(config: Config, *, host: str, port: int, write: Callable[[str], Any]) -> None:
    """Run until SIGTERM or SIGINT; raises AddressUnusable or StateFileUnusable at the start."""
    asked_to_stop = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        asked_to_stop.set()

    sandbox = RunningSandbox(config, host=host, port=port)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    write(
        f"Razorpay sandbox, key {config.key_id}\n"
        f"  overview  {sandbox.url}/\n"
        f"  API       {sandbox.url}/v1\n"
        f"  checkout  {sandbox.url}/checkout/<order_id>\n"
        f"  webhooks  {config.webhook_url or 'none'}\n"
        f"  state     {config.state}\n"
    )
    sys.stdout.flush()
    asked_to_stop.wait()
    sandbox.stop()
    write("Razorpay sandbox stopped.\n")
