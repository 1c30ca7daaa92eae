"""Delivery of an alert: one log line that collectors can act on."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
import structlog
from django.core.management import call_command

from alerts import tasks
from alerts.delivery import deliver
from alerts.models import Alert, Severity
from alerts.services import raise_alert
from notevault.kit.ids import uuid7
from notevault.kit.tests.log_output import log_output
from ops import replay
from ops.jobs import Retries
from ops.models import DeadLetter

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


@pytest.mark.django_db(transaction=True)
class TestASinkThatIsDownForHours:
    @pytest.fixture
    def work(self, run_jobs, monkeypatch):
        """A real worker, with no pauses between its tries; the queue was emptied before."""
        monkeypatch.setattr(Retries, "pause", lambda *_: 0.0)
        return lambda: call_command("worker", "--once", "--queue", "alerts", "--concurrency", "1")

    @contextmanager
    def down(self, *, takes=()):
        """A sink that takes alerts of these kinds only."""

        def refuse(_event, *, kind, **_):
            if kind not in takes:
                raise OSError("the sink is down")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("alerts.delivery.log", SimpleNamespace(error=refuse))
            yield

    def test_gets_the_alert_once_it_is_back(self, work, alert, now):
        """The job gives up at last, its dead letter does not, and a replay delivers."""
        with self.down():
            work()
        letter = DeadLetter.objects.get()
        undelivered = Alert.objects.filter(delivered_at=None).count()

        replay.replay(letter_id=letter.pk, actor_id=None, now=now)
        with log_output() as output:
            work()

        assert (letter.state, letter.error) == ("open", "OSError: the sink is down")
        assert (letter.attempts, letter.arguments) == (8, {"alert_id": str(alert.pk)})
        assert undelivered == 1
        assert [line["alert_id"] for line in output.events("alert")] == [str(alert.pk)]
        letter.refresh_from_db()
        assert letter.state == "resolved"
        assert Alert.objects.filter(delivered_at=None).count() == 0

    def test_holds_up_no_alert_that_can_be_delivered(self, work, alert, now):
        raise_alert(kind="ops.test", severity="warning", message="m", dedupe_key="d", now=now)

        with self.down(takes=["ops.test"]):
            work()

        assert [row.pk for row in Alert.objects.filter(delivered_at=None)] == [alert.pk]
