"""What alerts count."""

from __future__ import annotations

import pytest

from alerts.delivery import fan_out, send
from alerts.metrics import AlertCollector
from alerts.models import Alert, AlertDelivery, Severity
from alerts.services import raise_alert
from ops.metrics.tests.counting import Since

pytestmark = pytest.mark.django_db

KIND = "payments.refund_failed"


@pytest.fixture
def since():
    return Since()


def an_alert(now, kind=KIND, key="one"):
    return raise_alert(
        kind=kind, severity=Severity.CRITICAL, message="It failed.", dedupe_key=key, now=now
    )


def undelivered():
    (family,) = AlertCollector().collect()
    return family.samples[0].value


class TestAnAlert:
    def test_is_counted_each_time_that_it_is_raised(
        self, now, since, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            an_alert(now)
            an_alert(now)

        assert since.grown("alerts_raised_total") == {(KIND, "critical"): 2}

    def test_of_a_kind_that_nobody_knows_adds_no_series_of_its_own(
        self, now, since, settings, django_capture_on_commit_callbacks
    ):
        settings.ALERT_KINDS_STRICT = False

        with django_capture_on_commit_callbacks(execute=True):
            an_alert(now, kind="made.up", key="two")

        assert since.grown("alerts_raised_total") == {("other", "critical"): 1}

    def test_is_undelivered_until_its_channels_have_it(
        self, now, since, django_capture_on_commit_callbacks
    ):
        alert = an_alert(now)
        fan_out(alert_id=alert.pk, round_number=1, now=now)
        before = undelivered()

        with django_capture_on_commit_callbacks(execute=True):
            for delivery in AlertDelivery.objects.all():
                send(delivery_id=delivery.pk, now=now)

        assert (before, undelivered()) == (1, 0)
        assert since.grown("alert_deliveries_total") == {("log", "delivered"): 1}

    def test_is_undelivered_before_anything_was_tried(self, now):
        an_alert(now)

        assert undelivered() == 1

    def test_whose_end_is_not_told_yet_is_undelivered(self, now):
        alert = an_alert(now)
        AlertDelivery.objects.create(alert=alert, channel="log", news="resolved", created_at=now)
        Alert.objects.update(delivered_at=now)

        assert undelivered() == 1
