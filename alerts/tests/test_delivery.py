"""Delivery of an alert: one log line that collectors can act on."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog

from alerts import tasks
from alerts.delivery import deliver
from alerts.models import Alert, Severity
from alerts.services import raise_alert
from notevault.kit.ids import uuid7
from notevault.kit.tests.log_output import log_output

pytestmark = pytest.mark.django_db


@pytest.fixture
def alert(now):
    structlog.contextvars.clear_contextvars()
    with structlog.contextvars.bound_contextvars(request_id="caller-id"):
        return raise_alert(
            kind="payments.amount_mismatch",
            severity=Severity.CRITICAL,
            message="Someone paid too little.",
            metadata={"order_id": "o1", "email": "canary@example.com"},
            dedupe_key="o1",
            now=now,
        )


class TestDeliver:
    def test_writes_one_line_with_all_that_is_known(self, alert, now):
        with log_output() as output:
            deliver(alert_id=alert.pk, now=now)

        (line,) = output.lines
        line.pop("time")
        assert line == {
            "event": "alert",
            "level": "error",
            "logger": "notevault.alert",
            "alert_id": str(alert.pk),
            "kind": "payments.amount_mismatch",
            "severity": "critical",
            "message": "Someone paid too little.",
            "metadata": {"order_id": "o1", "email": "[redacted]"},
            "raised_by": "caller-id",
        }

    def test_remembers_that_it_did(self, alert, now):
        deliver(alert_id=alert.pk, now=now)

        alert.refresh_from_db()
        assert alert.delivered_at == now

    def test_says_it_once(self, alert, now):
        deliver(alert_id=alert.pk, now=now)

        with log_output() as output:
            deliver(alert_id=alert.pk, now=now + timedelta(minutes=1))

        alert.refresh_from_db()
        assert (output.lines, alert.delivered_at) == ([], now)

    def test_marks_nothing_when_the_line_could_not_be_written(self, alert, now, monkeypatch):
        def fail(*_args, **_kwargs):
            raise OSError("the disk is full")

        monkeypatch.setattr("alerts.delivery.log", type("Log", (), {"error": fail})())

        with pytest.raises(OSError, match="disk is full"):
            deliver(alert_id=alert.pk, now=now)

        alert.refresh_from_db()
        assert alert.delivered_at is None

    def test_fails_loudly_for_an_alert_that_is_not_there(self, now):
        with pytest.raises(Alert.DoesNotExist):
            deliver(alert_id=uuid7(), now=now)


class TestJob:
    def test_delivers_under_the_request_that_raised_the_alert(self, run_jobs, alert):
        raise_alert(
            kind="ops.test",
            severity=Severity.WARNING,
            message="m",
            dedupe_key="d",
            now=alert.raised_at,
        )

        with log_output() as output:
            assert run_jobs() == ["alerts.tasks.deliver_alert"] * 2

        first, second = output.events("alert")
        assert (first["raised_by"], first["request_id"]) == ("caller-id", "caller-id")
        assert second["raised_by"] == ""
        assert Alert.objects.filter(delivered_at=None).count() == 0

    def test_takes_what_the_queue_holds(self, alert):
        tasks.deliver_alert(alert_id=str(alert.pk))

        alert.refresh_from_db()
        assert alert.delivered_at is not None
