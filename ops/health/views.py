"""The probes of Kubernetes and load balancers, and the page that people look at."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, JsonResponse

from ops import machine
from ops.access import holds_metrics_token, is_staff_session
from ops.health import readiness
from ops.health.report import Line, Report, Status, latest_report


def live(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else, so a slow database restarts no pod."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when requests can be served; else 503 with the reason: `database`, `migrations` or
    `draining`. Within two seconds, also when the database hangs."""
    reason = readiness.why_not()
    if reason:
        return JsonResponse({"status": "unavailable", "reason": reason}, status=503)
    return JsonResponse({"status": "ok"})


def detailed(request: HttpRequest) -> JsonResponse:
    """For people: 200 when healthy or degraded, 503 when unhealthy.

    Anybody sees statuses. Reasons, figures and times are for whoever holds METRICS_TOKEN,
    and for staff while the database answers, where their session is.
    """
    report = latest_report()
    sees_all = holds_metrics_token(request.headers.get("Authorization", "")) or (
        report.status != Status.UNHEALTHY and is_staff_session(request)
    )
    code = 503 if report.status == Status.UNHEALTHY else 200
    response = JsonResponse(_body(report, sees_all=sees_all), status=code)
    response["Cache-Control"] = "no-store"
    return response


def _body(report: Report, *, sees_all: bool) -> dict[str, Any]:
    return {
        "status": report.status,
        "timestamp": report.made_at.isoformat(),
        "uptime": round(machine.uptime_s(), 1),
        "version": settings.VERSION,
        "checks": {
            name: _shown(line) if sees_all else {"status": line.status}
            for name, line in report.lines.items()
        },
    }


def _shown(line: Line) -> dict[str, Any]:
    reason = {"reason": line.reason} if line.reason else {}
    details = {"details": line.details} if line.details else {}
    return {"status": line.status, "ms": line.ms, **reason, **details}
