"""Probes for Kubernetes and load balancers, and what people and Prometheus look at."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from notevault.kit import clock
from notevault.kit.http import problem
from ops.models import CircuitBreaker
from ops.states import BreakerState

DATABASE_AWAY = (DatabaseError, InterfaceError)


def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else, so a slow database restarts no pod."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """The database answers, so requests can be served."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DATABASE_AWAY:
        return JsonResponse({"status": "unavailable"}, status=503)
    return JsonResponse({"status": "ok"})


def detailed(request: HttpRequest) -> JsonResponse:
    """For people: 200 when healthy or degraded, 503 when unhealthy."""
    try:
        rows = list(CircuitBreaker.objects.order_by("name"))
    except DATABASE_AWAY:
        return _health("unhealthy", {"database": "unavailable"}, code=503)
    breakers = {row.name: row.effective_state for row in rows}
    all_closed = set(breakers.values()) <= {BreakerState.CLOSED}
    return _health(
        "healthy" if all_closed else "degraded", {"database": "ok", "breakers": breakers}
    )


def _health(status: str, checks: dict[str, Any], *, code: int = 200) -> JsonResponse:
    body = {"status": status, "timestamp": clock.now().isoformat(), "checks": checks}
    return JsonResponse(body, status=code, headers={"Cache-Control": "no-store"})


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text format, for whoever holds METRICS_TOKEN; open while developing."""
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (constant_time_compare(given, token) if token else settings.DEBUG):
        return problem("not_found")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
