"""The base of every API view."""

from __future__ import annotations

from copy import copy
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView as DRFView

from notevault.kit.http import problem
from notevault.kit.problems import CATALOGUE

S = TypeVar("S", bound=serializers.Serializer[Any])


class APIView(DRFView):
    """Views translate: validated input in, one domain call, a response out."""

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Tell the caller how much of the rate limit is left, and caches to keep nothing
        that the view does not give them."""
        response = super().finalize_response(request, response, *args, **kwargs)
        # What a person is told is for that person; public lists say otherwise themselves.
        response.headers.setdefault("Cache-Control", "private, no-store")
        rate = getattr(request._request, "rate_limit", None)
        if rate:
            for name, value in zip(("Limit", "Remaining", "Reset"), rate, strict=True):
                response[f"RateLimit-{name}"] = str(value)
        return response

    @property
    def user_id(self) -> UUID:
        """The caller's id, in views that demand a sign-in."""
        return cast(UUID, self.request.user.pk)

    def body(self, serializer: type[S]) -> dict[str, Any]:
        return _validated(serializer, self.request.data)

    def query(self, serializer: type[S]) -> dict[str, Any]:
        # A plain dict: DRF takes an empty value of a QueryDict for a missing one.
        return _validated(serializer, self.request.query_params.dict())


def _validated(serializer: type[S], data: Any) -> dict[str, Any]:
    checked = copy(_prepared(serializer))
    checked.initial_data = data
    checked.is_valid(raise_exception=True)
    values: dict[str, Any] = checked.validated_data
    return values


@cache
def _prepared(serializer: type[S]) -> S:
    """With its fields, which DRF would make anew for each request: a seventh of the time of a
    list. Threads share them, so no field keeps anything of what it checks."""
    made = serializer(data=None)
    _ = made.fields
    return made


def error_catalogue(request: HttpRequest) -> Any:
    """Every error code of the API on one page; problem `type` links point here."""
    rows = sorted(CATALOGUE.items(), key=lambda row: (row[1].status, row[0]))
    return render(request, "kit/errors.html", {"problems": rows})


@csrf_exempt
def api_not_found(request: HttpRequest) -> HttpResponse:
    return problem("not_found")
