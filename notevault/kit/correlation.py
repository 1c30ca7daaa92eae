"""One id for all that a request causes: log lines, jobs, alerts, gateway calls, errors."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from django.http import HttpRequest, HttpResponse

from notevault.kit import ids

HEADERS = ("X-Request-ID", "X-Correlation-ID")
_SANE = re.compile(r"[A-Za-z0-9_-]{8,128}")
_IN_HEAD = re.compile(rb"\r\nx-(?:request|correlation)-id:[ \t]*([\w-]{8,128})[ \t]*\r", re.I)
_METHOD = re.compile(rb"[A-Z]{3,16} ")

log = structlog.get_logger("notevault.request")


def new_request_id() -> str:
    return f"req_{ids.uuid7().hex}"


def current_request_id() -> str:
    """The id of the request or job under way, or an empty string outside of one."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def accepted_request_id(request: HttpRequest) -> str:
    """The caller's id when it is sane, else a new one."""
    for header in HEADERS:
        given = request.headers.get(header, "")
        if _SANE.fullmatch(given):
            return given
    return new_request_id()


class Begun(NamedTuple):
    """A request that a thread of this process is answering."""

    request: HttpRequest
    request_id: str
    started: float

    def fields(self) -> dict[str, Any]:
        """What its log line says of it, at any moment."""
        match = self.request.resolver_match
        return {
            "method": self.request.method,
            # The route's template, not the path: paths carry ids and tokens.
            "route": match.route if match else "",
            "ms": _ms_since(self.started),
            "user_id": _user_id(self.request),
        }


# By thread: each answers one request at a time.
_under_way: dict[int, Begun] = {}


class CorrelationMiddleware:
    """Binds the request id, echoes it, and writes one log line a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = Begun(request, accepted_request_id(request), time.perf_counter())
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=begun.request_id)
        thread = threading.get_ident()
        _under_way[thread] = begun
        try:
            response = self.get_response(request)
            log.info("request", **begun.fields(), status=response.status_code)
        finally:
            _under_way.pop(thread, None)
            structlog.contextvars.clear_contextvars()
        for header in HEADERS:
            response[header] = begun.request_id
        return response


def log_refused(*, head: bytes, status: int, started: float) -> str:
    """The log line of a request that the web server answers by itself, by the bytes of its
    head; returns its id."""
    given = _IN_HEAD.search(head)
    request_id = given[1].decode() if given else new_request_id()
    method = _METHOD.match(head)
    log.info(
        "request",
        method=method[0].decode().strip() if method else "",
        route="",
        status=status,
        ms=_ms_since(started),
        user_id=None,
        request_id=request_id,
    )
    return request_id


def log_cut() -> None:
    """The line of each request that this process will not finish."""
    for begun in list(_under_way.values()):
        log.error("request.cut", **begun.fields(), status=None, request_id=begun.request_id)


def _ms_since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)


def _user_id(request: HttpRequest) -> str | None:
    """Whose token (accounts/authentication.py) or admin session it is; asks no database."""
    bound = structlog.contextvars.get_contextvars().get("user_id")
    if bound:
        return str(bound)
    # Django keeps the user of a session here, once a view has asked for it.
    user_id = getattr(getattr(request, "_cached_user", None), "pk", None)
    return str(user_id) if user_id else None
