"""Raising an alert: a row and a job, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest
import structlog
from django.db import transaction

from alerts.models import Alert, Severity
from alerts.services import raise_alert

pytestmark = pytest.mark.django_db

DELIVER = "alerts.tasks.deliver_alert"
MATTER = {
    "kind": "accounts.refresh_reused",
    "severity": Severity.HIGH,
    "message": "A token was used again.",
    "dedupe_key": "session-1",
}


@pytest.fixture(autouse=True)
def _outside_of_a_request():
    structlog.contextvars.clear_contextvars()


class TestRaiseAlert:
    def test_writes_a_row_and_defers_its_delivery(self, now, run_jobs):
        with structlog.contextvars.bound_contextvars(request_id="caller-id"):
            raised = raise_alert(**MATTER, metadata={"user_id": "u1"}, now=now)

        alert = Alert.objects.get()
        assert raised == alert
        assert (alert.kind, alert.severity) == ("accounts.refresh_reused", "high")
        assert (alert.message, alert.metadata) == ("A token was used again.", {"user_id": "u1"})
        assert (alert.request_id, alert.count) == ("caller-id", 1)
        assert (alert.raised_at, alert.last_raised_at, alert.delivered_at) == (now, now, None)
        assert run_jobs() == [DELIVER]

    def test_needs_no_request_and_no_metadata(self, now):
        alert = raise_alert(**MATTER, now=now)

        assert (alert.request_id, alert.metadata) == ("", {})

    def test_cuts_what_is_too_long_instead_of_failing(self, now):
        alert = raise_alert(
            kind="k" * 100, severity=Severity.HIGH, message="m" * 900, dedupe_key="d" * 300, now=now
        )

        alert.refresh_from_db()
        assert (alert.kind, alert.message) == ("k" * 64, "m" * 500)
        assert len(alert.dedupe_key) <= 128

    def test_tells_long_matters_apart(self, now):
        for end in "ab":
            raise_alert(**{**MATTER, "dedupe_key": "d" * 200 + end}, now=now)
            raise_alert(**{**MATTER, "dedupe_key": "d" * 200 + end}, now=now)

        assert list(Alert.objects.values_list("count", flat=True)) == [2, 2]

    def test_can_hold_what_a_payer_has_typed(self, now):
        alert = raise_alert(**{**MATTER, "message": "nul \x00, ₹ and 😀"}, now=now)

        alert.refresh_from_db()
        assert alert.message == "nul , ₹ and 😀"


class TestStorm:
    def test_within_five_minutes_is_counted_and_delivered_once(self, now, run_jobs):
        raise_alert(**MATTER, now=now)

        answers = [
            raise_alert(**MATTER, now=now + timedelta(seconds=seconds)) for seconds in (0, 1, 299)
        ]

        alert = Alert.objects.get()
        assert answers == [None, None, None]
        assert (alert.count, alert.raised_at) == (4, now)
        assert alert.last_raised_at == now + timedelta(seconds=299)
        assert run_jobs() == [DELIVER]

    def test_is_told_again_after_five_minutes(self, now, run_jobs):
        raise_alert(**MATTER, now=now)
        raise_alert(**MATTER, now=now + timedelta(minutes=4))

        again = raise_alert(**MATTER, now=now + timedelta(minutes=5))

        assert again.count == 1
        assert sorted(Alert.objects.values_list("count", flat=True)) == [1, 2]
        assert run_jobs() == [DELIVER] * 2

    def test_counts_on_the_latest_alert(self, now):
        raise_alert(**MATTER, now=now)
        latest = raise_alert(**MATTER, now=now + timedelta(minutes=6))

        raise_alert(**MATTER, now=now + timedelta(minutes=7))

        latest.refresh_from_db()
        assert latest.count == 2

    def test_of_one_matter_does_not_hide_another(self, now, run_jobs):
        raise_alert(**MATTER, now=now)
        raise_alert(**{**MATTER, "dedupe_key": "session-2"}, now=now)

        assert Alert.objects.count() == 2
        assert run_jobs() == [DELIVER] * 2


@pytest.mark.django_db(transaction=True)
class TestTransaction:
    def test_that_rolls_back_raises_nothing(self, now, run_jobs):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raise_alert(**MATTER, now=now)
            raise ZeroDivisionError

        assert Alert.objects.count() == 0
        assert run_jobs() == []
