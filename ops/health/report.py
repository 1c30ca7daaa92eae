"""Runs the checks of HEALTH_CHECKS and says what they come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.utils.module_loading import import_string
from health_check.exceptions import HealthCheckException, ServiceWarning

from notevault.kit import clock
from ops.health.check import Check, NotConfigured
from ops.health.own_connection import own_connections, patience
from ops.shared_answer import SharedAnswer

WAIT_S = 3.0
FRESH_S = 2.0
# Without these nothing is served. All else leaves something that works, and is degraded.
CRITICAL = ("database", "migrations")

log = structlog.get_logger("notevault.health")


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    NOT_CONFIGURED = "not_configured"
    UNKNOWN = "unknown"  # not asked, or no answer in time


WELL = (Status.HEALTHY, Status.NOT_CONFIGURED)


@dataclass(frozen=True)
class Line:
    """What one check has found. `reason` and `details` are for those who may see them."""

    status: Status
    ms: float = 0.0
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass
class Report:
    """Filled while the checks run, so that one that hangs hides none of those before it."""

    made_at: datetime
    found: dict[str, Line] = field(default_factory=dict)

    @property
    def lines(self) -> dict[str, Line]:
        missing = Line(Status.UNKNOWN, reason="no answer in time")
        return {name: self.found.get(name, missing) for name in settings.HEALTH_CHECKS}

    @property
    def status(self) -> Status:
        lines = self.lines
        if any(name in lines and lines[name].status not in WELL for name in CRITICAL):
            return Status.UNHEALTHY
        all_well = all(line.status in WELL for line in lines.values())
        return Status.HEALTHY if all_well else Status.DEGRADED


def latest_report() -> Report:
    """At most two seconds old and three in the making, however many ask."""
    try:
        return _answer.within(WAIT_S)
    except TimeoutError:
        return _under_way or Report(made_at=clock.now())


def forget_latest() -> None:
    _answer.forget()


def run_checks(report: Report) -> None:
    """Fill the report, in the order of HEALTH_CHECKS, over this thread's connections."""
    for name, check in _checks():
        away = report.found.get("database", Line(Status.HEALTHY)).status not in WELL
        if away and check.needs_database:
            report.found[name] = Line(Status.UNKNOWN, reason="the database is away")
        else:
            report.found[name] = _run(name, check)


def _make_report() -> Report:
    global _under_way
    report = _under_way = Report(made_at=clock.now())
    with own_connections():
        run_checks(report)
    return report


def _checks() -> Iterator[tuple[str, Check]]:
    for name, path in settings.HEALTH_CHECKS.items():
        yield name, import_string(path)()


def _run(name: str, check: Check) -> Line:
    started = time.perf_counter()
    status, reason = _outcome(name, check)
    ms = round((time.perf_counter() - started) * 1000, 1)
    return Line(status, ms, reason, check.details)


def _outcome(name: str, check: Check) -> tuple[Status, str]:
    try:
        with patience() if check.needs_database else nullcontext():
            check.run()
    except NotConfigured as error:
        return Status.NOT_CONFIGURED, str(error)
    except ServiceWarning as error:
        return Status.DEGRADED, error.message
    except HealthCheckException as error:
        return Status.UNHEALTHY, error.message
    except (DatabaseError, InterfaceError) as error:
        log.warning("health.check_failed", check=name, error=type(error).__name__)
        return Status.UNHEALTHY, type(error).__name__
    except Exception as error:  # a check that fails says so, and the page still tells the rest
        log.exception("health.check_failed", check=name)
        return Status.UNHEALTHY, type(error).__name__
    return Status.HEALTHY, ""


_under_way: Report | None = None
_answer = SharedAnswer(_make_report, fresh_s=FRESH_S)
