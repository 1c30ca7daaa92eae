"""What every problem+json answer must have, checked wherever one is read."""

from __future__ import annotations

from typing import Any

import orjson
from django.conf import settings
from django.http import HttpResponse

from notevault.kit.problems import CATALOGUE

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors", "retryable"}


def problem_of(response: HttpResponse) -> dict[str, Any]:
    """The body of a whole and truthful problem (RFC 9457 and our own members)."""
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    body: dict[str, Any] = orjson.loads(response.content)
    assert body.keys() >= MEMBERS
    known = CATALOGUE[body["code"]]
    assert (body["status"], body["title"], body["retryable"]) == (
        response.status_code,
        known.title,
        known.retryable,
    )
    assert known.status == response.status_code
    assert body["type"] == f"{settings.PUBLIC_API_URL}/api/errors/#{body['code']}"
    assert body["detail"]
    assert body["request_id"] == response["X-Request-ID"] == response["X-Correlation-ID"]
    assert body["request_id"]
    for row in body["errors"]:
        assert row.keys() == {"param", "code", "detail"}
    return body


def refusal_of(response: HttpResponse) -> tuple[int, str]:
    """Status and code of a problem, for a comparison in one line."""
    return response.status_code, problem_of(response)["code"]
