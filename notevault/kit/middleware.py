"""Limits that stand before the parse, and the last net under views that are not DRF's."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse

from notevault.kit.errors import DomainError
from notevault.kit.http import (
    bad_request,
    database_unavailable,
    is_database_unavailable,
    problem,
    refusal,
    server_error,
)
from notevault.kit.problems import CATALOGUE

log = structlog.get_logger("notevault.errors")

# More would only make a larger number; Python refuses to read thousands of them.
_MOST_DIGITS = 20


class BodyLimitMiddleware:
    """Refuses a body by its stated length, before a byte of it is read.

    A body without a length (chunked) is refused too, and a compressed one: neither can be
    bounded beforehand.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.refusal(request) or self.get_response(request)

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        if "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH"):
            return problem("length_required", "Send a Content-Length header.")
        length = request.META.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdigit()):
            return problem("bad_request", "The Content-Length header is not a number.")
        limit = self.limit_for(request)
        if int(length[:_MOST_DIGITS]) > limit:
            return problem("payload_too_large", f"The limit here is {limit} bytes.")
        encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
        if encoding not in {"", "identity"} and length != "0":
            return problem("unsupported_media_type", "Send the body without a Content-Encoding.")
        return None

    def limit_for(self, request: HttpRequest) -> int:
        is_upload = request.content_type == "multipart/form-data"
        return settings.UPLOAD_BODY_LIMIT if is_upload else settings.BODY_LIMIT


class LastNetMiddleware:
    """What no view has caught: who is away or busy now is a 503, also outside the API.

    With DEBUG on Django would answer a bug of the API with a page; its clients get the
    same problem as in production, and the traceback is in the log.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if is_database_unavailable(error):
            return database_unavailable(error)
        if isinstance(error, DomainError) and CATALOGUE[error.code].status == 503:
            return refusal(error)
        if isinstance(error, SuspiciousOperation):
            return bad_request(request, error)
        if settings.DEBUG and request.path.startswith("/api/v1/"):
            log.exception("request.failed")
            return server_error(request)
        return None
