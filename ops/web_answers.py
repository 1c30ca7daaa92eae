"""Answers that the web server gives by itself, without the application."""

from __future__ import annotations

import json
from http import HTTPStatus

from notevault.kit.problems import CATALOGUE

ALIVE = b'{"status":"ok"}'


def alive() -> bytes:
    return _response(200, "application/json", ALIVE)


def busy(request_id: str) -> bytes:
    detail = "Too many requests are waiting already. Try again shortly."
    return _problem("service_unavailable", 503, detail, request_id, {"Retry-After": "1"})


def unreadable(request_id: str, status: int) -> bytes:
    return _problem("bad_request", status, "This is no request of HTTP/1.1.", request_id)


def failed(request_id: str) -> bytes:
    detail = "The error was recorded under this request id."
    return _problem("internal_error", 500, detail, request_id)


def _problem(
    code: str, status: int, detail: str, request_id: str, headers: dict[str, str] | None = None
) -> bytes:
    """What `notevault.kit.http.problem` would say."""
    known = CATALOGUE[code]
    body = {
        "type": f"/api/errors/#{code}",
        "title": known.title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        "errors": [],
        "retryable": known.retryable,
    }
    lines = {
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        "X-Correlation-ID": request_id,
        **(headers or {}),
    }
    return _response(status, "application/problem+json", json.dumps(body).encode(), lines)


def _response(
    status: int, content_type: str, body: bytes, headers: dict[str, str] | None = None
) -> bytes:
    lines = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{head}\r\n".encode() + body
