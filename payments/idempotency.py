"""`Idempotency-Key`: a money POST that is sent twice does its work once (design §7).

A request takes its key by a row with a lease, works with neither lock nor transaction held,
and stores its answer in the row. Later ones get that answer. What may succeed later is not
stored: then the key is free again. A process that dies leaves a lease that runs out, and the
next request works again; use cases are safe to repeat.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from functools import partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

from django.db.models import Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.kit import crash, http, renderers
from notevault.kit.errors import DomainError
from notevault.kit.problems import CATALOGUE
from notevault.kit.views import APIView
from payments.models import IdempotencyKey

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
PATTERN = "^[!-~]{1,255}$"
# Longer than any request may take, so that only a dead process outlives it.
LEASE = timedelta(seconds=30)
KEPT = timedelta(hours=24)
ASK_AGAIN_S = 1

V = TypeVar("V", bound=APIView)
P = ParamSpec("P")
Handler = Callable[Concatenate[V, Request, P], HttpResponse]


class KeyInUse(DomainError):
    code = "idempotency_key_in_use"
    message = "The first request with this Idempotency-Key is still under way."


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    message = "This Idempotency-Key was sent with another body or to another path."


def idempotent(handler: Handler[V, P]) -> Handler[V, P]:
    """Let a view's POST be sent twice under one key; without a key nothing changes.

    Stands below the view's own `extend_schema`. Refuses a key that is not 1 to 255 printable
    ASCII characters without spaces. Raises KeyInUse, KeyReused.
    """

    @extend_schema(parameters=[_SENT, _ANSWERED])
    @wraps(handler)
    def run(view: V, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        work = partial(handler, view, request, *args, **kwargs)
        if HEADER not in request.headers:
            return work()
        row = _take(
            user_id=view.user_id,
            key=_valid(request.headers[HEADER]),
            fingerprint=_fingerprint(request._request),
        )
        return _do(row, work) if row.status is None else _replay(row)

    return run


_SENT = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": PATTERN},
    OpenApiParameter.HEADER,
    description=(
        "Any text that is new for each act, such as a UUID. A request repeated with the same "
        "key and body within 24 hours gets the first answer and does nothing again. While the "
        "first is under way it gets 409 `idempotency_key_in_use`; with another body, 422 "
        "`idempotency_key_reused`. Answers that may change when repeated (400 for invalid "
        "fields, 401, 429, 5xx) are not kept."
    ),
)
_ANSWERED = OpenApiParameter(
    REPLAYED,
    {"type": "string", "enum": ["true"]},
    OpenApiParameter.HEADER,
    response=True,
    description="Set when this is the kept answer to an earlier request with the same key.",
)


def remove_expired(*, limit: int = 1000) -> int:
    """Forget keys that may be used anew; returns how many (at most `limit`)."""
    over = IdempotencyKey.objects.filter(expires_at__lte=Now())
    some = list(over.order_by("expires_at").values_list("pk", flat=True)[:limit])
    # Asked again: one of them may have been taken meanwhile.
    removed, _ = over.filter(pk__in=some).delete()
    return removed


def _valid(key: str) -> str:
    if not re.fullmatch(PATTERN, key):
        raise ValidationError(
            {HEADER: ["Send 1 to 255 printable ASCII characters without spaces."]}
        )
    return key


def _fingerprint(request: HttpRequest) -> str:
    head = f"{request.method} {request.path}\n".encode()
    return hashlib.sha256(head + request.body).hexdigest()


def _take(*, user_id: UUID, key: str, fingerprint: str) -> IdempotencyKey:
    """The key's row: with the kept answer, or leased to this caller and nobody else."""
    rows = IdempotencyKey.objects.filter(user_id=user_id, key=key)
    lease: dict[str, Any] = {
        "holder": uuid4(),
        "fingerprint": fingerprint,
        "status": None,
        "leased_until": Now() + LEASE,
        "expires_at": Now() + KEPT,
    }
    is_left = Q(status=None, leased_until__lte=Now(), fingerprint=fingerprint)
    if not rows.filter(is_left | Q(expires_at__lte=Now())).update(**lease):
        new = IdempotencyKey(user_id=user_id, key=key, **lease)
        IdempotencyKey.objects.bulk_create([new], ignore_conflicts=True)
    row = rows.first()
    if row is None:  # another's, and removed in this moment
        raise KeyInUse(retry_after=ASK_AGAIN_S)
    if row.fingerprint != fingerprint:
        raise KeyReused
    if row.status is None and row.holder != lease["holder"]:
        raise KeyInUse(retry_after=ASK_AGAIN_S)
    return row


def _do(row: IdempotencyKey, work: Callable[[], HttpResponse]) -> HttpResponse:
    with ExitStack() as undo:
        undo.callback(_release, row)
        answer, is_final = _answer(work)
        if not is_final:
            return answer
        crash.point("idempotency.answer_not_stored")
        _store(row, answer)
        undo.pop_all()
    return answer


def _answer(work: Callable[[], HttpResponse]) -> tuple[HttpResponse, bool]:
    """The view's answer, or its use case's refusal, whole, and whether it is final: one
    that tells its caller to wait is not. A refusal that may change is raised instead."""
    try:
        answer = work()
        says = getattr(answer, "data", None)
        is_final = not isinstance(says, dict) or says.get("next_action") != "wait"
        return _rendered(answer), is_final
    except DomainError as refusal:
        known = CATALOGUE[refusal.code]
        if known.retryable or known.status >= 500:
            raise
        return http.refusal(refusal), True


def _rendered(response: HttpResponse) -> HttpResponse:
    """The bytes that a DRF response would only be given after its view."""
    if not isinstance(response, Response):
        return response
    headers = {**response.headers, "Content-Type": renderers.JSONRenderer.media_type}
    body = renderers.JSONRenderer().render(response.data)
    return HttpResponse(body, status=response.status_code, headers=headers)


def _held(row: IdempotencyKey) -> Any:
    """Nothing when the lease ran out and another caller has taken the key."""
    return IdempotencyKey.objects.filter(pk=row.pk, holder=row.holder, status=None)


def _store(row: IdempotencyKey, answer: HttpResponse) -> None:
    _held(row).update(status=answer.status_code, headers=dict(answer.headers), body=answer.content)


def _release(row: IdempotencyKey) -> None:
    _held(row).update(expires_at=Now())


def _replay(row: IdempotencyKey) -> HttpResponse:
    headers = {**row.headers, REPLAYED: "true"}
    return HttpResponse(bytes(row.body), status=row.status, headers=headers)
