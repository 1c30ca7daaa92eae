"""The schema's common parts: example builders, the problem component, error responses."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample

from notevault.kit.problems import CATALOGUE

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(CATALOGUE)},
        "request_id": {"type": "string"},
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["param", "code", "detail"],
                "properties": {
                    "param": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
WITH_BODY = {"post", "put", "patch"}
EVERYWHERE = (400, 404, 411, 413, 429, 500, 503)
RETRY_AFTER = {"description": "Seconds to wait.", "schema": {"type": "integer"}}


def request_example(
    name: str, value: dict[str, Any], media_type: str = "application/json"
) -> OpenApiExample:
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def response_example(name: str, value: Any, *statuses: int) -> OpenApiExample:
    return OpenApiExample(
        name, value=value, response_only=True, status_codes=[str(s) for s in statuses or (200,)]
    )


def add_problem_responses(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every operation documents the problem+json it may answer with."""
    result["components"].setdefault("schemas", {})["Problem"] = PROBLEM
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in _statuses(path, method, operation):
                operation["responses"].setdefault(str(status), _problem_response(status))
    return result


def _statuses(path: str, method: str, operation: dict[str, Any]) -> set[int]:
    statuses = set(EVERYWHERE)
    if any(operation.get("security", [])):  # `[{}]` asks for nothing
        statuses |= {401, 403}
    if method in WITH_BODY:
        statuses |= {402, 409, 415, 422, 502}
    if method == "delete":
        statuses.add(409)
    if "/auth/" in path:
        statuses |= {401}
    return statuses


def _problem_response(status: int) -> dict[str, Any]:
    codes = sorted(code for code, known in CATALOGUE.items() if known.status == status)
    response: dict[str, Any] = {
        "description": f"Problem: {', '.join(f'`{code}`' for code in codes)}.",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": _example(status, codes[0]),
            }
        },
    }
    if status in {409, 429, 503}:
        response["headers"] = {"Retry-After": RETRY_AFTER}
    return response


def _example(status: int, code: str) -> dict[str, Any]:
    known = CATALOGUE[code]
    return {
        "type": f"https://api.example.com/api/errors/#{code}",
        "title": known.title,
        "status": status,
        "detail": f"{known.title}.",
        "code": code,
        "request_id": "req_0198f0c2a6b07d3c9a4be3f1c5d2e7a9",
        "errors": [],
        "retryable": known.retryable,
    }
