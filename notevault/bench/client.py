"""An open-loop load generator: requests leave on time, whether or not answers come.

A closed loop, whose clients wait for one answer before they ask for the next, slows down
with the server and so hides its queues. Here every answer is timed from the moment its
request was due: what a request waits for in the client or the server counts as its time.
"""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

# Longer than any promise, so that silence is seen and ends.
TIMEOUT_S = 20.0
# More than any server that is worth measuring keeps waiting.
MOST_UNDER_WAY = 200
# For the threads to be there when the first request is due.
RUN_UP_S = 0.1


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """Header names are lower case. Status 0 is no answer at all."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Sample:
    """`seconds` from the moment the request was due until its answer was read."""

    seconds: float
    reply: Reply


@dataclass(frozen=True)
class Stream:
    """Requests that come at a fixed rate, in requests a second."""

    requests: Sequence[Request]
    rate: float


Send = Callable[[Request], Reply]


def send(url: str, request: Request) -> Reply:
    """One request on a connection of its own, as the gateway's webhooks come."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        headers = {"Connection": "close", **request.headers}
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, names, answer.read())
    except (OSError, http.client.HTTPException):
        return Reply(0)
    finally:
        connection.close()


def run_stream(stream: Stream, send: Send, *, threads: int = MOST_UNDER_WAY) -> list[Sample]:
    """Send each request when it is due; the samples in that order."""
    begun = time.monotonic() + RUN_UP_S

    def measure(request: Request, due: float) -> Sample:
        reply = send(request)
        return Sample(time.monotonic() - due, reply)

    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for number, request in enumerate(stream.requests):
            due = begun + number / stream.rate
            time.sleep(max(0.0, due - time.monotonic()))
            waiting.append(pool.submit(measure, request, due))
        return [sample.result() for sample in waiting]


def run_together(streams: Mapping[str, Stream], send: Send) -> dict[str, list[Sample]]:
    """All streams at the same time."""
    with ThreadPoolExecutor(len(streams)) as pool:
        run = partial(run_stream, send=send)
        running = {name: pool.submit(run, stream) for name, stream in streams.items()}
        return {name: samples.result() for name, samples in running.items()}


def run_all(requests: Sequence[Request], send: Send, *, at_once: int) -> list[Reply]:
    """Nothing is measured: as fast as so many clients get answers."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(send, requests))
