"""What the health page says of the money."""

from __future__ import annotations

from datetime import timedelta

import pytest
from health_check.exceptions import ServiceWarning

from notevault.kit import clock
from payments import health
from payments.models import LedgerProof, Payment, WebhookEvent
from payments.tests.factories import make_order

MINUTE = timedelta(minutes=1)


def why(check):
    try:
        check.run()
    except ServiceWarning as warning:
        return warning.message
    return ""


class TestGateway:
    @pytest.mark.parametrize(
        ("key_id", "debug", "said"),
        [
            ("rzp_live_1", False, ""),
            ("rzp_test_1", True, ""),
            ("rzp_test_1", False, "the key's mode is not that of these settings"),
            ("rzp_live_1", True, "the key's mode is not that of these settings"),
            ("nonsense", False, "the key's mode is not that of these settings"),
        ],
    )
    def test_has_keys_of_the_mode_of_its_settings(self, settings, key_id, debug, said):
        settings.RAZORPAY_KEY_ID = key_id
        settings.DEBUG = debug

        assert why(health.Gateway()) == said

    def test_without_a_webhook_secret_refuses_every_event(self, settings):
        settings.DEBUG = True
        settings.RAZORPAY_WEBHOOK_SECRET = ""

        assert why(health.Gateway()) == "there is no webhook secret: every event is refused"

    def test_tells_no_secret(self, settings):
        settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = "another"
        check = health.Gateway()

        why(check)

        assert check.details == {"key_mode": "test", "webhook_secrets": 2}


@pytest.mark.django_db
class TestWebhooks:
    @pytest.fixture
    def order(self, buyer, note, gateway, now):
        return make_order(buyer=buyer, notes=[note], now=now)

    def capture(self, order, *, ago):
        at = clock.now() - ago
        Payment.objects.create(
            order=order,
            gateway_payment_id=f"pay_{ago.total_seconds():.0f}",
            amount_paise=9900,
            currency="INR",
            created_at=at,
            captured_at=at,
        )

    def receive(self, *, ago):
        at = clock.now() - ago
        WebhookEvent.objects.create(
            event_id=f"event_{ago.total_seconds():.0f}",
            event="payment.captured",
            payload={},
            created_at=at,
            received_at=at,
        )

    def test_are_not_missed_before_the_first_payment(self):
        assert why(health.Webhooks()) == ""

    def test_are_not_missed_at_night(self, order):
        self.capture(order, ago=600 * MINUTE)
        self.receive(ago=600 * MINUTE)

        assert why(health.Webhooks()) == ""

    def test_may_be_a_little_late(self, order):
        self.capture(order, ago=10 * MINUTE)

        assert why(health.Webhooks()) == ""

    def test_are_not_missed_where_nobody_wants_to_know(self, order, settings):
        settings.WEBHOOKS_SILENT_MIN = 0
        self.capture(order, ago=20 * MINUTE)

        assert why(health.Webhooks()) == ""

    @pytest.mark.parametrize("last_event", [None, 120 * MINUTE])
    def test_are_missed_when_money_came_without_one(self, order, last_event):
        if last_event:
            self.receive(ago=last_event)
        self.capture(order, ago=20 * MINUTE)
        check = health.Webhooks()

        assert why(check) == "payments were captured, and the gateway sent no event of them"
        assert bool(check.details["last_event_at"]) == bool(last_event)


@pytest.mark.django_db
class TestLedger:
    def prove(self, *, broken=0, ago=timedelta()):
        LedgerProof.objects.create(ran_at=clock.now() - ago, seconds=1.0, broken=broken, checks=[])

    def test_is_degraded_before_its_first_proof(self):
        assert why(health.Ledger()) == "no proof has run yet"

    def test_is_well_when_the_last_proof_found_nothing(self):
        self.prove(broken=3, ago=60 * MINUTE)
        self.prove()

        assert why(health.Ledger()) == ""

    def test_is_degraded_by_broken_rows(self):
        self.prove(broken=3)
        check = health.Ledger()

        assert why(check) == "3 rows break a promise about money"
        assert check.details["broken_rows"] == 3

    def test_is_degraded_when_the_proof_stays_away(self):
        self.prove(ago=160 * MINUTE)

        assert why(health.Ledger()) == "the hourly proof does not run"
