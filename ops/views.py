"""What Prometheus looks at."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from notevault.kit.http import problem


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus's text format, for whoever holds METRICS_TOKEN; open while developing."""
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (constant_time_compare(given, token) if token else settings.DEBUG):
        return problem("not_found")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)
