"""One id for all that a request causes: log lines, jobs, alerts, gateway calls, errors."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from notevault.kit import ids

HEADERS = ("X-Request-ID", "X-Correlation-ID")
_SANE = re.compile(r"[A-Za-z0-9_-]{8,128}")

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


class CorrelationMiddleware:
    """Binds the request id, echoes it, and writes one log line a request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        request_id = accepted_request_id(request)
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        for header in HEADERS:
            response[header] = request_id
        match = request.resolver_match
        log.info(
            "request",
            method=request.method,
            # The route's template, not the path: paths carry ids and tokens.
            route=match.route if match else "",
            status=response.status_code,
            ms=round((time.perf_counter() - started) * 1000, 1),
        )
        return response
