"""A merchant's webhook endpoint for tests, on a free port."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def event_id(self) -> str:
        return self.headers["x-razorpay-event-id"]


class Merchant:
    """An endpoint that keeps what it receives and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[int], int] = lambda number: 200
        self._lock = threading.Lock()

    def receive(self, received: Received) -> int:
        with self._lock:
            self.received.append(received)
            number = len(self.received)
        return self.answer(number)

    def events(self) -> list[str]:
        return sorted(received.envelope["event"] for received in list(self.received))

    def one(self, event: str) -> Received:
        (found,) = [received for received in self.received if received.envelope["event"] == event]
        return found


@contextmanager
def listening(merchant: Merchant) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(merchant.receive(Received(dict(self.headers), body)))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks/razorpay"
        server.shutdown()
        thread.join()


def wait_for(condition: Callable[[], object], *, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
