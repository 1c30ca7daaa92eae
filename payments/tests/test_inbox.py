"""The webhook inbox: what is let in, and that it is let in once."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from alerts.models import Alert
from payments.models import WebhookEvent
from payments.tests.factories import event_body, signed
from payments.webhooks import inbox

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


@pytest.fixture
def body(now):
    return event_body("payment.downtime.started", {}, created_at=now)


def receive(body, now, *, secret=SECRET, event_id="evt_000001"):
    return inbox.receive(**signed(body, secret), event_id=event_id, now=now)


class TestAnAuthenticEvent:
    def test_is_stored_with_a_job(self, body, now, run_jobs):
        assert receive(body, now) is True

        event = WebhookEvent.objects.get()
        assert (event.event_id, event.event) == ("evt_000001", "payment.downtime.started")
        assert (event.state, event.created_at, event.received_at) == ("received", now, now)
        assert run_jobs() == ["payments.tasks.handle_event"]

    def test_is_stored_once(self, body, now, run_jobs):
        receive(body, now)

        assert receive(body, now) is False

        assert WebhookEvent.objects.count() == 1
        assert run_jobs() == ["payments.tasks.handle_event"]

    def test_under_an_id_that_is_taken_is_another_event(self, body, now):
        receive(body, now)
        other = event_body("payment.downtime.resolved", {"x": {"y": 1}}, created_at=now)

        assert receive(other, now) is True
        assert receive(other, now) is False

        assert WebhookEvent.objects.count() == 2

    @pytest.mark.parametrize("event_id", ["", "short", "x" * 81, "with space!", "é" * 10])
    def test_without_a_sane_id_is_known_by_its_bytes(self, event_id, body, now):
        receive(body, now, event_id=event_id)
        receive(body, now, event_id=event_id)

        digest = hashlib.sha256(body).hexdigest()
        assert [event.event_id for event in WebhookEvent.objects.all()] == [f"sha256_{digest}"]

    def test_may_be_sixteen_days_old(self, now, body):
        old = event_body("order.paid", {}, created_at=now - timedelta(days=16))

        assert receive(old, now) is True

    def test_may_come_from_a_clock_five_minutes_ahead(self, now):
        ahead = event_body("order.paid", {}, created_at=now + timedelta(minutes=5))

        assert receive(ahead, now) is True

    def test_may_be_signed_with_the_previous_secret(self, body, now, settings):
        settings.RAZORPAY_WEBHOOK_SECRET = "the new secret"
        settings.RAZORPAY_WEBHOOK_SECRET_PREVIOUS = SECRET

        assert receive(body, now) is True

    def test_may_hold_what_jsonb_cannot(self, now):
        body = event_body("x.y", {"payment": {"description": "a\x00b"}}, created_at=now)

        receive(body, now)

        assert WebhookEvent.objects.get().payload["payment"]["entity"]["description"] == "ab"


class TestARefusedEvent:
    def refused(self, now, **message):
        with pytest.raises(inbox.WebhookRefused):
            inbox.receive(event_id="evt_000001", now=now, **message)
        assert WebhookEvent.objects.count() == 0

    def test_has_a_wrong_signature(self, body, now):
        self.refused(now, **signed(body, "another secret"))
        self.refused(now, **signed(body, "another secret"))

        alert = Alert.objects.get()
        assert (alert.kind, alert.severity, alert.count) == ("payments.webhook_forged", "high", 2)

    def test_was_re_encoded_on_its_way(self, body, now):
        signature = signed(body, SECRET)["signature"]

        self.refused(now, body=body.replace(b", ", b","), signature=signature)

    @pytest.mark.parametrize(
        "off", [timedelta(minutes=5, seconds=1), -timedelta(days=16, seconds=1)]
    )
    def test_is_out_of_time(self, off, now):
        self.refused(now, **signed(event_body("order.paid", {}, created_at=now + off), SECRET))

        assert Alert.objects.get().kind == "payments.webhook_out_of_time"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"not json",
            b"[]",
            b'"event"',
            b"{}",
            b'{"event": 1, "payload": {}, "created_at": 1}',
            b'{"event": "order.paid", "payload": [], "created_at": 1}',
            b'{"event": "order.paid", "payload": {}}',
            b'{"event": "order.paid", "payload": {}, "created_at": "yesterday"}',
            b'{"event": "order.paid", "payload": {}, "created_at": 1e400}',
            b'{"event": "order.paid", "payload": {}, "created_at": 99999999999999999}',
            b'{"a":' * 100_000,
            b'{"event":"e","created_at":1,"payload":' + b'{"a":' * 990 + b"1" + b"}" * 991,
            b"\xff\xfe",
        ],
        ids=lambda body: body[:40].decode("latin-1"),
    )
    def test_is_no_event_though_it_is_signed(self, body):
        self.refused(datetime(1970, 1, 1, tzinfo=UTC), **signed(body, SECRET))
