"""Probes are answered before anything else looks at the request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ops.health import views
from ops.metrics.views import metrics, metrics_json

PROBES = {
    "/health/live": views.live,
    "/health/ready": views.ready,
    "/metrics": metrics,
    "/metrics/json": metrics_json,
}


class ProbeMiddleware:
    """A kubelet, and Prometheus, call by the pod's address over plain HTTP: no host check, no
    redirect, no log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)
