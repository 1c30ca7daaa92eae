"""Orders through the API, as a client sees them."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest

from notes.tests.factories import make_note
from notevault.kit import deadline
from notevault.kit.bulkhead import Bulkhead
from payments import waiting
from payments.models import Order
from payments.tests.factories import event_body, make_order, payment_entity, signed

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/orders"
VERIFY = "/api/v1/payments/verify"
WEBHOOK = "/api/v1/webhooks/razorpay"
SECRET = "sandbox-webhook-secret"


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


def start(api, *notes):
    return api.post(ORDERS, {"note_ids": [str(note.pk) for note in notes]}, format="json")


class TestBuying:
    def test_from_order_to_library(self, api, note, gateway):
        made = start(api, note)
        order = made.json()
        assert made.status_code == 201
        assert (order["state"], order["next_action"]) == ("awaiting_payment", "pay")
        assert order["checkout"] == {
            "key_id": gateway.key_id,
            "gateway_order_id": order["gateway_order_id"],
            "amount_paise": 9900,
            "currency": "INR",
            "url": "",
        }
        payment = gateway.pay(order["gateway_order_id"])

        verified = api.post(
            VERIFY,
            {
                "razorpay_order_id": order["gateway_order_id"],
                "razorpay_payment_id": payment.id,
                "razorpay_signature": gateway.signature(payment),
            },
            format="json",
        )

        assert verified.status_code == 200
        paid = verified.json()
        assert (paid["state"], paid["next_action"]) == ("paid", "download")
        assert (paid["checkout"], paid["items"][0]["outcome"]) == (None, "granted")
        library = api.get("/api/v1/library").json()["items"]
        assert [item["note_id"] for item in library] == [str(note.pk)]

    def test_the_same_cart_again_answers_200_with_the_same_order(self, api, note, gateway):
        first, again = start(api, note), start(api, note)

        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["id"] == again.json()["id"]

    def test_a_gateway_that_is_down_answers_503_and_says_when(self, api, note, gateway):
        gateway.is_down = True

        refused = start(api, note)

        assert refused.status_code == 503
        assert refused["Retry-After"] == "5"
        assert (refused.json()["code"], refused.json()["retryable"]) == (
            "gateway_unavailable",
            True,
        )

    def test_a_preview_shows_the_price_and_makes_nothing(self, api, seller, gateway):
        notes = [make_note(seller=seller, price_paise=10_000) for _ in range(3)]

        shown = api.post(
            f"{ORDERS}/preview", {"note_ids": [str(note.pk) for note in notes]}, format="json"
        ).json()

        prices = (shown["subtotal_paise"], shown["discount_paise"], shown["total_paise"])
        assert prices == (30_000, 1_500, 28_500)
        assert [item["paid_paise"] for item in shown["items"]] == [9_500] * 3
        assert Order.objects.count() == 0


class TestOtherPeoplesOrders:
    def test_are_404(self, client_of, buyer, stranger, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)
        nosy = client_of(stranger)

        answers = [
            nosy.get(f"{ORDERS}/{order.pk}"),
            nosy.post(f"{ORDERS}/{order.pk}/cancel"),
            nosy.get(f"{ORDERS}/{uuid4()}"),
        ]

        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert {answer.json()["code"] for answer in answers} == {"not_found"}
        order.refresh_from_db()
        assert order.state == "awaiting_payment"

    def test_are_not_listed(self, client_of, buyer, stranger, note, gateway, now):
        make_order(buyer=buyer, notes=[note], now=now)

        assert client_of(stranger).get(ORDERS).json()["items"] == []
        assert len(client_of(buyer).get(ORDERS).json()["items"]) == 1


class TestWebhook:
    def post(self, api, body, **headers):
        return api.generic("POST", WEBHOOK, body, "application/json", headers=headers)

    def test_stores_and_answers_200_and_a_repeat_too(self, client_of, order_event):
        body = order_event
        headers = {
            "X-Razorpay-Signature": signed(body, SECRET)["signature"],
            "X-Razorpay-Event-Id": "evt_123456",
        }

        answers = [self.post(client_of(None), body, **headers) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert [answer.json()["status"] for answer in answers] == ["stored", "duplicate"]

    @pytest.mark.parametrize("signature", [None, "", "0" * 64, "ü", "0" * 5000])
    def test_refuses_a_forgery_with_400(self, client_of, order_event, signature):
        headers = {} if signature is None else {"X-Razorpay-Signature": signature}

        refused = self.post(client_of(None), order_event, **headers)

        assert (refused.status_code, refused.json()["code"]) == (400, "webhook_refused")

    def test_refuses_a_huge_body_before_it_reads_it(self, client_of):
        refused = self.post(client_of(None), b"x" * (2 * 1024 * 1024))

        assert (refused.status_code, refused.json()["code"]) == (413, "payload_too_large")

    @pytest.fixture
    def order_event(self, buyer, note, gateway, now):
        from django.utils import timezone

        order = make_order(buyer=buyer, notes=[note], now=now)
        payment = gateway.pay(order.gateway_order_id)
        return event_body(
            "payment.captured", {"payment": payment_entity(payment)}, created_at=timezone.now()
        )


class TestWaiting:
    def test_answers_at_once_when_nothing_is_to_be_waited_for(self, api, seller, gateway):
        free = make_note(seller=seller, price_paise=0)
        order = start(api, free).json()
        started = time.monotonic()

        answer = api.get(f"{ORDERS}/{order['id']}?wait=20").json()

        assert answer["next_action"] == "download"
        assert time.monotonic() - started < 2

    def test_answers_when_the_time_is_over(self, api, note, gateway):
        order = start(api, note).json()
        started = time.monotonic()

        answer = api.get(f"{ORDERS}/{order['id']}?wait=1").json()

        assert answer["next_action"] == "pay"
        assert 1 <= time.monotonic() - started < 4

    @pytest.mark.parametrize("wait", ["-1", "21", "x", "1.5"])
    def test_refuses_another_wait(self, api, note, gateway, wait):
        order = start(api, note).json()

        refused = api.get(f"{ORDERS}/{order['id']}?wait={wait}")

        assert refused.status_code == 400
        assert refused.json()["errors"][0]["param"] == "wait"

    def test_never_takes_more_than_its_share_of_the_threads(self, monkeypatch):
        monkeypatch.setattr(waiting, "share", Bulkhead(1))
        looks = []

        def wait(is_done):
            with deadline.within(30):
                waiting.wait_until(is_done, seconds=5)

        held = threading.Thread(target=wait, args=(lambda: len(looks) > 0,))
        held.start()
        time.sleep(0.05)
        started = time.monotonic()

        wait(lambda: False)

        assert time.monotonic() - started < 0.5
        looks.append(1)
        held.join()
