"""RFC 9457 problem+json for every error, and the only way from a code to a status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from psycopg import errors as postgres
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf

from notevault.kit import renderers
from notevault.kit.correlation import current_request_id
from notevault.kit.errors import DomainError
from notevault.kit.problems import CATALOGUE

PROBLEM_JSON = "application/problem+json"
BUSY_RETRY_AFTER_S = 1

log = structlog.get_logger("notevault.errors")


def problem(
    code: str,
    detail: str = "",
    *,
    errors: list[dict[str, str]] | None = None,
    retry_after: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """An error as a response. `params` are extension members beside the standard ones."""
    known = CATALOGUE[code]
    body = {
        **(params or {}),
        "type": f"{settings.PUBLIC_API_URL}/api/errors/#{code}",
        "title": known.title,
        "status": known.status,
        "detail": detail or f"{known.title}.",
        "code": code,
        "request_id": current_request_id(),
        "errors": errors or [],
        "retryable": known.retryable,
    }
    response = HttpResponse(renderers.dumps(body), PROBLEM_JSON, status=known.status)
    response["Cache-Control"] = "no-store"
    if known.retryable and retry_after is None and known.status == 503:
        retry_after = BUSY_RETRY_AFTER_S
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    return response


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook. None hands a bug on to Django, which logs it and calls `server_error`."""
    if isinstance(error, DomainError):
        return refusal(error)
    if is_database_unavailable(error):
        return database_unavailable(error)
    if isinstance(error, drf.APIException):
        return _from_drf(error)
    return _from_django(error)


def refusal(error: DomainError) -> HttpResponse:
    return problem(error.code, error.detail, retry_after=error.retry_after, params=error.params)


def is_database_unavailable(error: Exception) -> bool:
    """True when the database is away, busy, or out of patience; else its error is our bug."""
    return isinstance(error, (OperationalError, InterfaceError)) or (
        getattr(error.__cause__, "sqlstate", None)
        == postgres.IdleInTransactionSessionTimeout.sqlstate
    )


def database_unavailable(error: Exception) -> HttpResponse:
    log.warning("database.unavailable", error=type(error).__name__, detail=str(error))
    match error.__cause__:
        case postgres.QueryCanceled():
            reason = "The database was too slow to answer in time."
        case postgres.LockNotAvailable():
            reason = "Another request keeps what this one needs."
        case postgres.IdleInTransactionSessionTimeout():
            reason = "The work took too long and was undone."
        case PoolTimeout():
            reason = "No connection to the database became free in time."
        case _:
            reason = "The database does not answer."
    return problem("service_unavailable", f"{reason} Try again shortly.")


def _from_drf(error: drf.APIException) -> HttpResponse:
    response = _drf_problem(error)
    header = getattr(error, "auth_header", None)
    if header:
        response["WWW-Authenticate"] = header
    return response


def _drf_problem(error: drf.APIException) -> HttpResponse:
    match error:
        case drf.ValidationError():
            return problem("validation_failed", errors=list(_field_errors(error.detail)))
        case drf.Throttled():
            wait = math.ceil(getattr(error, "wait", None) or 1)
            return problem("rate_limited", f"Try again in {wait} s.", retry_after=wait)
        case drf.MethodNotAllowed():
            return problem("method_not_allowed", str(error.detail))
        case drf.UnsupportedMediaType():
            return problem("unsupported_media_type", str(error.detail))
        case drf.NotAuthenticated():
            return problem("not_authenticated", "Send an access token in the Authorization header.")
        case drf.AuthenticationFailed():
            return problem("token_invalid", "The access token is not valid or has expired.")
        case drf.PermissionDenied():
            return problem("permission_denied", str(error.detail))
        case drf.NotFound():
            return problem("not_found")
    return problem("bad_request", str(error.detail))


def _from_django(error: Exception) -> HttpResponse | None:
    match error:
        case Http404():
            return problem("not_found")
        case PermissionDenied():
            return problem("permission_denied")
        case RequestDataTooBig():
            return problem("payload_too_large")
        case TooManyFieldsSent() | TooManyFilesSent() | MultiPartParserError():
            return problem("bad_request", str(error))
        case SuspiciousOperation():
            return problem("bad_request")
        case UnreadablePostError():  # the client went away: no bug of ours
            return problem("bad_request", "The body ended before its stated length.")
    return None


def _field_errors(detail: Any, param: str = "") -> Any:
    """Flatten DRF's nested error detail into `{param, code, detail}` rows."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _field_errors(
                inner, param if name == "non_field_errors" else _within(param, name)
            )
    elif isinstance(detail, list):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list))
            yield from _field_errors(inner, _within(param, position) if nested else param)
    else:
        yield {"param": param, "code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def _within(param: str, part: object) -> str:
    return f"{param}.{part}" if param else str(part)


# Django's own error hooks (see `notevault/urls.py`): what no view has answered.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _from_django(exception) or problem("bad_request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem("permission_denied")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem("not_found")


def server_error(request: HttpRequest) -> HttpResponse:
    return problem("internal_error", "The error was recorded under this request id.")
