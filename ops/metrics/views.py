"""What Prometheus and dashboards ask for."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse

from notevault.kit import renderers
from notevault.kit.http import problem
from ops.metrics import access, exposition, summary

View = Callable[[HttpRequest], HttpResponse]


def for_readers(view: View) -> View:
    """To anybody else there is nothing here. No cache keeps the answer."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not access.is_allowed(request.headers.get("Authorization", "")):
            return problem("not_found")
        if request.method not in {"GET", "HEAD"}:
            return problem("method_not_allowed")
        response = view(request)
        response["Cache-Control"] = "no-store"
        return response

    return guarded


@for_readers
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures in the text format of Prometheus, or as OpenMetrics."""
    accept = request.headers.get("Accept", "")
    body, content_type = exposition.render(exposition.Web(), accept=accept)
    return HttpResponse(body, content_type=content_type)


@for_readers
def metrics_json(request: HttpRequest) -> HttpResponse:
    """The same figures, shaped for people; `ops.metrics.summary` says how."""
    body = renderers.dumps(summary.latest())
    return HttpResponse(body, content_type="application/json")
