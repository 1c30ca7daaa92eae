"""Counts and times requests, by the template of their route."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Counter, Histogram

from ops.instruments import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HTTPMetricsMiddleware:
    """Outermost but for the probes, so that every refusal and error is counted too.

    The time is that until the answer begins: how fast a client takes a file says nothing of
    us. A streamed answer is in flight, and not yet counted, until it has ended; one that
    breaks off by our fault counts as a 500, whatever its first line said.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        HTTP_IN_FLIGHT.inc()
        started = time.perf_counter()
        try:
            response = self.get_response(request)
        except BaseException:
            # Django answers every Exception; this is the process being stopped.
            _Answer(request, 500, time.perf_counter() - started).end()
            raise
        answer = _Answer(request, response.status_code, time.perf_counter() - started)
        if response.streaming:
            answer.follow(response)
        else:
            answer.end()
        return response


class _Answer:
    """One answer, counted when it ends, and once."""

    __slots__ = ("has_ended", "method", "route", "seconds", "status")

    def __init__(self, request: HttpRequest, status: int, seconds: float) -> None:
        self.method = request.method if request.method in METHODS else "other"
        self.route = _route(request)
        self.status = status
        self.seconds = seconds
        self.has_ended = False

    def follow(self, response: Any) -> None:
        response._resource_closers.append(self.end)
        # A file goes to the server as it is, which may have a quicker way to send it.
        if getattr(response, "file_to_stream", None) is None and not response.is_async:
            response.streaming_content = self._watch(response.streaming_content)

    def _watch(self, parts: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from parts
        except Exception:
            self.status = 500
            raise

    def end(self) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        HTTP_IN_FLIGHT.dec()
        _requests(self.method, self.route, self.status).inc()
        _seconds(self.method, self.route).observe(self.seconds)


def count_turned_away() -> None:
    """A request that found the queue full (`ops/web_worker.py`): nobody has read it."""
    _requests("other", "overloaded", 503).inc()


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is not None:
        return match.route or "unmatched"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "unmatched"


# Finding a child by its labels costs as much as counting.


@cache
def _requests(method: str, route: str, status: int) -> Counter:
    return HTTP_REQUESTS.labels(method, route, str(status))


@cache
def _seconds(method: str, route: str) -> Histogram:
    return HTTP_SECONDS.labels(method, route)
