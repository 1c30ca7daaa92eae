"""When the request under way must have been answered.

The API answers within six seconds. Whatever waits on the way there, for the network or for
another caller, asks how long it still may:

    session.post(url, timeout=deadline.remaining(5.0))
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

# Half a second is left to write the answer.
REQUEST_S = 5.5
UPLOAD_S = 30.0

_until: ContextVar[float | None] = ContextVar("deadline", default=None)
_waited: ContextVar[float] = ContextVar("waited", default=0.0)


def remaining(most: float) -> float:
    """Seconds that a wait may take: `most`, or what is left of the request, never below 0.

    In a job or a command nobody waits for the answer: there it is `most`.
    """
    until = _until.get()
    return most if until is None else max(0.0, min(most, until - time.monotonic()))


def is_set() -> bool:
    """True while a request is being answered."""
    return _until.get() is not None


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside, `remaining` counts down from `seconds`."""
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def begin_after(waited: float) -> None:
    """Tell the thread's next request that it has waited for its thread (`ops/web_worker.py`)."""
    _waited.set(waited)


class DeadlineMiddleware:
    """A request has 5.5 s from its arrival; one that brings a file has 30 s."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_upload = request.content_type == "multipart/form-data"
        with within((UPLOAD_S if is_upload else REQUEST_S) - _waited.get()):
            return self.get_response(request)
