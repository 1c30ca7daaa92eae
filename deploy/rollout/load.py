"""An open loop without an end: requests leave on schedule, whether or not answers come.

Each is timed from the moment it was due, so that nothing that stalls is hidden.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

# Longer than any promise, so that silence is seen and ends.
TIMEOUT_S = 30.0
MOST_UNDER_WAY = 300
LAST_ANSWERS_WITHIN_S = TIMEOUT_S + 10


@dataclass(frozen=True)
class Answer:
    """`failure` says why there is none; then the status is 0."""

    status: int
    body: bytes = b""
    failure: str = ""


@dataclass(frozen=True)
class Asked:
    """What became of one request: `failure` is empty when the answer was the right one."""

    kind: str
    due_at: float
    seconds: float
    failure: str
    waits: bool
    """It asked to wait until something happens, so its time is not the server's."""

    @property
    def ended_at(self) -> float:
        return self.due_at + self.seconds


@dataclass(frozen=True)
class Question:
    """One request, and what its answer means: `judge` gives the failure, or nothing."""

    kind: str
    method: str
    path: str
    judge: Callable[[Answer], str]
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False


def ask(question: Question, *, host: str, port: int, source: str) -> Answer:
    """On a connection of its own, from an address of its own: the next visitor. Once."""
    client = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S, source_address=(source, 0))
    headers = {"Connection": "close", **question.headers}
    try:
        client.request(question.method, question.path, question.body or None, headers)
        reply = client.getresponse()
        return Answer(reply.status, reply.read())
    except TimeoutError:
        return Answer(0, failure="no answer in time")
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, failure=type(error).__name__)
    finally:
        client.close()


class Load:
    """A context in which requests leave, `rate` a second; `asked` are those with an end."""

    def __init__(
        self, next_question: Callable[[], Question], *, rate: float, host: str, port: int
    ) -> None:
        self.asked: list[Asked] = []
        self.began_at = self.ended_at = 0.0
        self._next, self._rate = next_question, rate
        self._host, self._port = host, port
        self._ends = threading.Event()
        self._clock = threading.Thread(target=self._run, name="load", daemon=True)
        self._pool = ThreadPoolExecutor(MOST_UNDER_WAY, thread_name_prefix="visitor")
        self._trouble: BaseException | None = None

    def __enter__(self) -> Load:
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Whoever waits for an answer gets it, unless the play was broken off."""
        self._ends.set()
        self._clock.join()
        self._pool.shutdown(wait=error is None, cancel_futures=error is not None)
        if error is None and self._trouble is not None:
            raise self._trouble

    def _run(self) -> None:
        self.began_at = time.monotonic()
        number = 0
        while True:
            due_at = self.began_at + number / self._rate
            if self._ends.wait(max(0.0, due_at - time.monotonic())):
                break
            self._pool.submit(self._one, number, due_at).add_done_callback(self._note)
            number += 1
        self.ended_at = time.monotonic()

    def _one(self, number: int, due_at: float) -> None:
        question = self._next()
        source = f"127.0.{1 + number // 200 % 50}.{1 + number % 200}"
        answer = ask(question, host=self._host, port=self._port, source=source)
        seconds = time.monotonic() - due_at
        failure = answer.failure or question.judge(answer)
        self.asked.append(Asked(question.kind, due_at, seconds, failure, question.waits))

    def _note(self, done: Future[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._trouble = done.exception()
