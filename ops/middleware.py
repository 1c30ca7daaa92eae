"""Probes are answered before anything else looks at the request."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from ops.health import views

PROBES = {"/health/live": views.live, "/health/ready": views.ready}


class ProbeMiddleware:
    """A kubelet calls by the pod's address over plain HTTP: no host check, no redirect,
    no log line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)
