"""Receivers of alerts on the loopback: well, ill, and hostile."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass
class Sink:
    """Records what it is sent. `answer` is (status, headers, body) of each next request."""

    url: str = ""
    answer: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def bodies(self) -> list[Any]:
        return [orjson.loads(body) for _, _, body in self.requests]


@contextmanager
def sink(*, tls: ssl.SSLContext | None = None) -> Iterator[Sink]:
    made = Sink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the caller was killed in the middle
            made.requests.append((self.path, dict(self.headers.items()), body))
            status, headers, text = made.answer
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """No noise."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    made.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}/hook/secret-path"
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def raw_sink(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """One that answers every connection by `speak`, whatever was asked; gives its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                caller, _ = listener.accept()
            except TimeoutError:
                continue
            with caller:
                caller.settimeout(2)
                caller.recv(65536)
                with suppress(OSError):  # it has hung up
                    speak(caller)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"
    finally:
        over.set()
        thread.join()
        listener.close()


def drip(text: bytes, *, every_s: float = 0.05) -> Callable[[socket.socket], None]:
    """Says it byte by byte, for longer than anybody listens."""
    pause = threading.Event()

    def speak(caller: socket.socket) -> None:
        for byte in text + b"x" * 400:
            caller.sendall(bytes([byte]))
            pause.wait(every_s)

    return speak


def say(text: bytes) -> Callable[[socket.socket], None]:
    return lambda caller: caller.sendall(text)
