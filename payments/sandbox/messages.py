"""One HTTP request and one HTTP answer, free of any server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from payments.sandbox.errors import RazorpayError, unrelated_to_payment

MAX_FIELDS = 50


class ConnectionCut(Exception):
    """There is no answer: the connection ends, by a TCP reset or as if the server had quit."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__("reset" if is_reset else "hung up")
        self.is_reset = is_reset


@dataclass(frozen=True)
class Request:
    """Header names are in lower case; of a repeated query field the last one counts."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @cached_property
    def has_json_body(self) -> bool:
        media_type = self.headers.get("content-type", "").partition(";")[0]
        return media_type.strip().lower() == "application/json"

    @cached_property
    def wants_json(self) -> bool:
        return self.has_json_body or "application/json" in self.headers.get("accept", "")

    def json_object(self) -> dict[str, Any]:
        """The body as an object; no body counts as an empty one."""
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise unrelated_to_payment("The request body is not valid JSON.", status=400) from None
        if not isinstance(value, dict):
            raise RazorpayError("The request body must be a JSON object.")
        return value

    def fields(self) -> dict[str, str]:
        """The body's fields as text, whether it came as a form or as JSON."""
        if self.has_json_body:
            values = self.json_object().items()
            return {name: str(value) for name, value in values if value is not None}
        return parse_fields(self.body.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Response:
    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads(self.body)
        return value


def json_response(value: Mapping[str, Any], *, status: int = 200) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":")).encode())


def error_response(refusal: RazorpayError) -> Response:
    return json_response(refusal.body(), status=refusal.status)


def parse_fields(encoded: str) -> dict[str, str]:
    """A query string or form body; raises RazorpayError when it has too many fields."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise unrelated_to_payment("Too many fields.", status=400) from None
    return dict(pairs)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
