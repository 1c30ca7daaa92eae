"""What the money counts, and with which words."""

from __future__ import annotations

import random
import string
from datetime import timedelta

import pytest

from ops.metrics.tests.counting import Since
from payments.metrics import MoneyCollector
from payments.models import WebhookEvent
from payments.settlement import settle_payment
from payments.tests.factories import event_body, make_order, sell, signed
from payments.webhooks import handlers, inbox
from payments.webhooks.inbox import WebhookRefused

pytestmark = pytest.mark.django_db

SECRET = "sandbox-webhook-secret"


@pytest.fixture
def since():
    return Since()


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """What happens within it counts as committed at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def receive(name, now, *, created_at=None, secret=SECRET, number=1):
    body = event_body(name, {}, created_at=created_at or now)
    inbox.receive(**signed(body, secret), event_id=f"evt_{number:06}", now=now)


class TestAWebhook:
    def test_is_counted_by_its_event_and_what_became_of_it(self, now, since):
        for _ in range(2):
            receive("order.paid", now, created_at=now - timedelta(seconds=7))
        receive("payment.downtime.started", now, number=2)
        with pytest.raises(WebhookRefused):
            receive("order.paid", now, secret="another")
        with pytest.raises(WebhookRefused):
            receive("order.paid", now, created_at=now - timedelta(days=17))
        with pytest.raises(WebhookRefused):
            inbox.receive(**signed(b"[]", SECRET), event_id="evt_000003", now=now)

        assert since.grown("webhook_events_total") == {
            ("order.paid", "accepted"): 1,
            ("order.paid", "duplicate"): 1,
            ("order.paid", "refused_time"): 1,
            ("other", "accepted"): 1,
            ("other", "refused_form"): 1,
            ("other", "refused_signature"): 1,
        }
        assert since("webhook_lag_seconds_count") == 2
        assert since("webhook_lag_seconds_sum") == 7

    def test_adds_no_series_by_a_name_of_its_own(self, now, since):
        dice = random.Random(3)

        for number in range(100):
            receive("".join(dice.choices(string.ascii_lowercase, k=9)), now, number=number)

        assert since.grown("webhook_events_total") == {("other", "accepted"): 100}

    def test_is_counted_again_once_it_is_handled(self, now, since, committed):
        receive("payment.downtime.started", now)
        event = WebhookEvent.objects.get()

        with committed():
            handlers.handle(event_id=event.pk, now=now)
            handlers.handle(event_id=event.pk, now=now)

        assert since.grown("webhook_handled_total") == {("other", "acknowledged"): 1}


class TestASale:
    @pytest.mark.parametrize(
        ("source", "counted"),
        [
            ("webhook payment.captured", "webhook"),
            ("verify", "verify"),
            ("gateway poll", "poll"),
            ("our own capture", "capture"),
            ("reconciliation", "reconciliation"),
            ("a stranger", "other"),
        ],
    )
    def test_is_counted_once_by_who_told_of_it(
        self, source, counted, buyer, note, gateway, now, since, committed
    ):
        with committed():
            order = make_order(buyer=buyer, notes=[note], now=now)
            payment = gateway.pay(order.gateway_order_id)
            for _ in range(2):
                settle_payment(order_id=order.pk, payment=payment, source=source, now=now)

        assert since("orders_created_total") == 1
        assert since.grown("settlements_total") == {(counted,): 1}
        assert since("settled_paise_total") == 9900

    def test_that_is_given_back_is_a_refund(self, buyer, note, gateway, now, since, committed):
        order = make_order(buyer=buyer, notes=[note], now=now)
        first = gateway.pay(order.gateway_order_id)
        second = gateway.pay(order.gateway_order_id)

        with committed():
            for payment in (first, second):
                settle_payment(order_id=order.pk, payment=payment, source="verify", now=now)

        assert since.grown("refunds_total") == {("requested",): 1}
        assert since("settled_paise_total") == 9900


class TestTheRows:
    def read(self):
        return {
            sample.name.removeprefix("notevault_"): sample.value
            for family in MoneyCollector().collect()
            for sample in family.samples
        }

    def test_say_what_waits_and_what_came_last(self, buyer, note, gateway, now):
        make_order(buyer=buyer, notes=[note], now=now)
        receive("order.paid", now)

        found = self.read()

        assert (found["orders_awaiting_payment"], found["webhook_unhandled"]) == (1, 1)
        assert found["webhook_last_received_timestamp_seconds"] == now.timestamp()

    def test_say_nothing_of_what_never_was(self):
        assert self.read() == {"orders_awaiting_payment": 0, "webhook_unhandled": 0}

    def test_are_four_queries_however_many_there_are(
        self, buyer, note, gateway, now, django_assert_num_queries
    ):
        sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
        for number in range(5):
            receive("order.paid", now, number=number)

        with django_assert_num_queries(4):
            self.read()
