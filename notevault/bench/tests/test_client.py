"""Requests leave on time, and what they wait for is in their times."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from notevault.bench.client import Reply, Request, Stream, run_all, run_stream, run_together, send

OK = Reply(200)


def requests(count: int) -> list[Request]:
    return [Request("GET", f"/{number}") for number in range(count)]


class SlowServer:
    """Answers each request after so long, and remembers when it came."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.arrivals: list[float] = []

    def __call__(self, request: Request) -> Reply:
        self.arrivals.append(time.monotonic())
        time.sleep(self.seconds)
        return Reply(200, body=request.path.encode())


class TestAStream:
    def test_does_not_wait_for_answers(self) -> None:
        server = SlowServer(0.4)

        run_stream(Stream(requests(10), rate=100), server)

        assert server.arrivals[-1] - server.arrivals[0] < 0.4

    def test_keeps_to_its_rate(self) -> None:
        server = SlowServer(0)
        started = time.monotonic()

        run_stream(Stream(requests(11), rate=50), server)

        assert server.arrivals[-1] - started >= 0.2

    def test_counts_what_a_request_waits_for_its_turn(self) -> None:
        server = SlowServer(0.05)

        samples = run_stream(Stream(requests(5), rate=100), server, threads=1)

        # Due after 40 ms, answered after five answers of 50 ms one after the other.
        assert samples[0].seconds >= 0.05
        assert samples[-1].seconds >= 0.21

    def test_gives_the_samples_in_the_order_of_the_requests(self) -> None:
        samples = run_stream(Stream(requests(5), rate=1000), SlowServer(0.01))

        assert [sample.reply.body for sample in samples] == [b"/0", b"/1", b"/2", b"/3", b"/4"]

    def test_runs_beside_another(self) -> None:
        meeting = threading.Barrier(2, timeout=5)

        def meet(request: Request) -> Reply:
            meeting.wait()
            return OK

        found = run_together({"one": Stream(requests(1), 1), "other": Stream(requests(1), 1)}, meet)

        assert {name: len(samples) for name, samples in found.items()} == {"one": 1, "other": 1}


class TestAllAtOnce:
    def test_has_no_more_under_way_than_asked_for(self) -> None:
        places = threading.Semaphore(2)

        def answer(request: Request) -> Reply:
            assert places.acquire(blocking=False)
            time.sleep(0.01)
            places.release()
            return OK

        assert run_all(requests(8), answer, at_once=2) == [OK] * 8


class _Echo(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(503)
        self.send_header("Retry-After", self.headers["X-Wait"])
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestARequest:
    def test_is_answered_with_status_headers_and_body(self, echo: ThreadingHTTPServer) -> None:
        url = f"http://127.0.0.1:{echo.server_port}"

        reply = send(url, Request("POST", "/", b"news", {"X-Wait": "7"}))

        assert (reply.status, reply.headers["retry-after"], reply.body) == (503, "7", b"news")

    def test_that_nobody_takes_has_no_status(self, echo: ThreadingHTTPServer) -> None:
        port = echo.server_port
        echo.socket.close()

        assert send(f"http://127.0.0.1:{port}", Request("GET", "/")) == Reply(0)
