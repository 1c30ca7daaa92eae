"""The gateway's silence, while payments are captured."""

from __future__ import annotations

from datetime import timedelta

import pytest

from alerts.models import Alert
from payments.models import Payment, WebhookEvent
from payments.tests.factories import make_order
from payments.webhooks.silence import watch_silence

pytestmark = pytest.mark.django_db


def minutes(number):
    return timedelta(minutes=number)


@pytest.fixture
def captured(buyer, note, now):
    """A payment that the poller found, sixteen minutes ago."""
    order = make_order(buyer=buyer, notes=[note], now=now)
    return Payment.objects.create(
        order=order,
        gateway_payment_id="pay_AAAAAAAAAAAAAA",
        state="captured",
        amount_paise=9900,
        currency="INR",
        created_at=now,
        captured_at=now - minutes(16),
    )


def hear(at):
    WebhookEvent.objects.create(
        event_id=f"evt_{at:%H%M%S}", event="x", payload={}, created_at=at, received_at=at
    )


def states():
    return list(Alert.objects.order_by("pk").values_list("kind", "state"))


class TestSilence:
    @pytest.mark.parametrize("last", [None, 60, 23])
    def test_is_alerted_of_when_payments_come_without_a_webhook(self, captured, now, last):
        if last:
            hear(now - minutes(last))

        watch_silence(now=now)

        assert states() == [("payments.webhooks_silent", "open")]

    @pytest.mark.parametrize("last", [1, 16, 20])
    def test_is_none_when_one_came_beside_the_payment_or_since(self, captured, now, last):
        hear(now - minutes(last))

        watch_silence(now=now)

        assert states() == []

    def test_is_none_without_payments(self, now):
        hear(now - timedelta(days=3))

        watch_silence(now=now)

        assert states() == []

    def test_is_over_with_the_next_event(self, captured, now):
        watch_silence(now=now)
        hear(now)

        watch_silence(now=now + minutes(5))

        assert states() == [("payments.webhooks_silent", "resolved")]

    def test_is_not_looked_for_when_the_setting_is_0(self, captured, now, settings):
        settings.WEBHOOKS_SILENT_MIN = 0

        watch_silence(now=now)

        assert states() == []
