"""A question that many ask at once, and that may hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")

# Whoever has not answered by then is given up; its thread ends when its sockets do.
GIVEN_UP_AFTER_S = 30.0


class SharedAnswer(Generic[T]):
    """Asks in a thread of its own, once for all who want to know at the same time, and not
    again while the answer is fresh. So nobody waits longer than he says, and no number of
    callers asks more often."""

    def __init__(self, ask: Callable[[], T], *, fresh_s: float) -> None:
        self._ask = ask
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """The next caller asks anew."""
        self._answer: Future[T] | None = None
        self._asked_at = self._answered_at = 0.0

    def within(self, seconds: float) -> T:
        """The answer, or what asking raised. TimeoutError when there is none `seconds` after
        it was asked for: who comes to a question that hangs already waits the less."""
        with self._lock:
            answer = self._answer
            if answer is None or self._is_over(answer):
                answer = self._answer = self._begin()
            left = self._asked_at + seconds - time.monotonic()
        return answer.result(timeout=max(left, 0))

    def _is_over(self, answer: Future[T]) -> bool:
        now = time.monotonic()
        if answer.done():
            return now > self._answered_at + self._fresh_s
        return now > self._asked_at + GIVEN_UP_AFTER_S

    def _begin(self) -> Future[T]:
        answer: Future[T] = Future()
        self._asked_at = time.monotonic()
        threading.Thread(target=self._fill, args=(answer,), daemon=True).start()
        return answer

    def _fill(self, answer: Future[T]) -> None:
        try:
            found = self._ask()
        except Exception as error:  # handed to all who wait
            self._answered_at = time.monotonic()
            answer.set_exception(error)
        else:
            self._answered_at = time.monotonic()
            answer.set_result(found)
