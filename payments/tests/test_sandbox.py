"""The sandbox's API as the real SDK sees it; needs neither Django nor a database."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import razorpay
import requests
from razorpay.errors import BadRequestError, SignatureVerificationError

from payments.sandbox.entities import gateway_fee
from payments.sandbox.payments import authorize_payment
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.sandbox_access import (
    AUTH,
    ERROR_FIELDS,
    KEYS,
    ORDER_FIELDS,
    PAYMENT_FIELDS,
    client_of,
    order_request,
    plain_session,
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS) as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with plain_session() as session:
        yield session


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


def manual(**options: Any) -> dict[str, Any]:
    return {"capture": "manual", "capture_options": options}


class TestCreateOrder:
    def test_has_the_fields_of_a_razorpay_order(self, client):
        order = client.order.create(order_request(receipt="R-1", notes={"note": "algebra"}))

        assert set(order) == ORDER_FIELDS
        assert re.fullmatch(r"order_[A-Za-z0-9]{14}", order["id"])
        assert (order["status"], order["attempts"], order["offer_id"]) == ("created", 0, None)
        assert (order["amount"], order["amount_due"], order["amount_paid"]) == (50_000, 50_000, 0)
        assert order["notes"] == {"note": "algebra"}
        assert client.order.fetch(order["id"]) == order

    @pytest.mark.parametrize("notes", [{}, [], None])
    def test_gives_empty_notes_back_as_a_list(self, client, notes):
        assert client.order.create(order_request(notes=notes))["notes"] == []

    def test_refuses_a_reused_receipt(self, client):
        order = client.order.create(order_request(receipt="R-reused"))

        with pytest.raises(BadRequestError, match=r"^Order receipt should be unique\.$"):
            client.order.create(order_request(receipt="R-reused"))

        found = client.order.all({"receipt": "R-reused"})
        assert [item["id"] for item in found["items"]] == [order["id"]]

    def test_returns_the_earlier_order_for_a_unique_receipt(self, client):
        order = client.order.create(order_request(receipt="R-same"))

        again = client.order.create(order_request(receipt="R-same", unique_receipt=True))

        assert again == order

    def test_refuses_a_unique_receipt_with_another_amount(self, client):
        client.order.create(order_request(receipt="R-other"))

        with pytest.raises(BadRequestError, match="should be unique"):
            client.order.create(order_request(receipt="R-other", amount=100, unique_receipt=True))

    def test_makes_one_order_of_two_hundred_simultaneous_requests(self, sandbox):
        start = threading.Barrier(200)

        def create(number: int) -> str:
            with client_of(sandbox) as client:
                start.wait()
                body = order_request(receipt="R-race", unique_receipt=True)
                return client.order.create(body)["id"]

        with ThreadPoolExecutor(200) as pool:
            ids = set(pool.map(create, range(200)))

        assert len(ids) == 1

    @pytest.mark.parametrize(
        ("fields", "field", "description"),
        [
            ({"amount": 99}, "amount", "The amount must be at least INR 1.00"),
            ({"amount": 100.5}, "amount", "The amount must be an integer."),
            ({"amount": True}, "amount", "The amount must be an integer."),
            ({"amount": None}, "amount", "The amount field is required."),
            ({"currency": None}, "currency", "The currency field is required."),
            ({"currency": "EUR"}, "currency", "Currency is not supported"),
            (
                {"receipt": "r" * 41},
                "receipt",
                "The receipt may not be greater than 40 characters.",
            ),
            ({"receipt": "\ud800"}, "receipt", "The receipt must be a string."),
            (
                {"notes": {"a": "n" * 257}},
                "notes",
                "The notes may not be greater than 256 characters each.",
            ),
            (
                {"notes": {str(n): "x" for n in range(16)}},
                None,
                "Number of fields in notes should be less than or equal to 15",
            ),
            ({"payment": {"capture": "later"}}, "capture", "The selected capture is invalid."),
            (
                {"payment": manual(manual_expiry_period=7201)},
                "manual_expiry_period",
                "The manual_expiry_period must be between 12 and 7200.",
            ),
            ({"price": 5}, None, "price is/are not required and should not be sent"),
        ],
    )
    def test_refuses_a_wrong_field(self, sandbox, http, fields, field, description):
        answer = http.post(f"{sandbox.url}/v1/orders", json=order_request(**fields), auth=AUTH)

        assert answer.status_code == 400
        assert set(answer.json()["error"]) == ERROR_FIELDS
        assert answer.json()["error"]["field"] == field
        assert answer.json()["error"]["description"] == description
        assert answer.json()["error"]["code"] == "BAD_REQUEST_ERROR"


class TestListOrders:
    def test_gives_ten_newest_first_unless_asked_otherwise(self):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            ids = [client.order.create(order_request())["id"] for _ in range(12)]

            default = client.order.all()
            window = client.order.all({"count": 3, "skip": 1})

        assert (default["entity"], default["count"]) == ("collection", 10)
        assert [order["id"] for order in default["items"]] == ids[:1:-1]
        assert [order["id"] for order in window["items"]] == ids[-2:-5:-1]

    def test_filters_by_time_and_authorisation(self):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            unpaid, paid = (client.order.create(order_request()) for _ in range(2))
            sandbox.pay(paid["id"])
            at = paid["created_at"]

            counts = [
                client.order.all({"from": at - 60, "to": at + 60})["count"],
                client.order.all({"to": at - 60})["count"],
                client.order.all({"from": at + 60})["count"],
            ]
            authorized = client.order.all({"authorized": 1})["items"]
            others = client.order.all({"authorized": 0})["items"]

        assert counts == [2, 0, 0]
        assert [order["id"] for order in authorized] == [paid["id"]]
        assert [order["id"] for order in others] == [unpaid["id"]]

    @pytest.mark.parametrize(
        ("query", "description"),
        [
            ({"count": 0}, "The count must be at least 1."),
            ({"count": 101}, "The count may not be greater than 100."),
            ({"count": "many"}, "The count must be an integer."),
            ({"skip": -1}, "The skip must be an integer."),
            ({"from": "9" * 30}, "The from must be an integer."),
        ],
    )
    def test_refuses_a_window_that_makes_no_sense(self, client, query, description):
        for resource in (client.order, client.payment, client.refund):
            with pytest.raises(BadRequestError, match=re.escape(description)):
                resource.all(query)


class TestPay:
    def test_captures_at_once_and_pays_the_order(self, sandbox, client):
        order = client.order.create(order_request(receipt="R-pay"))

        receipt = sandbox.pay(order["id"])

        payment = client.payment.fetch(receipt["razorpay_payment_id"])
        assert set(payment) == PAYMENT_FIELDS | {"upi"}
        assert (payment["status"], payment["captured"]) == ("captured", True)
        assert (payment["fee"], payment["tax"]) == (1180, 180)
        assert (payment["order_id"], payment["vpa"]) == (order["id"], "success@razorpay")
        paid = client.order.fetch(order["id"])
        assert (paid["status"], paid["amount_paid"], paid["amount_due"]) == ("paid", 50_000, 0)
        assert paid["attempts"] == 1
        assert client.order.payments(order["id"])["items"] == [payment]

    def test_signs_what_the_sdk_verifies(self, sandbox, client):
        order = client.order.create(order_request())

        receipt = sandbox.pay(order["id"])

        assert client.utility.verify_payment_signature(receipt)
        with pytest.raises(SignatureVerificationError):
            client.utility.verify_payment_signature(
                receipt | {"razorpay_payment_id": "pay_00000000000000"}
            )

    def test_a_declined_attempt_leaves_the_order_payable(self, sandbox, client):
        order = client.order.create(order_request())

        refusal = sandbox.pay(order["id"], vpa="failure@razorpay")["error"]

        attempted = client.order.fetch(order["id"])
        assert (attempted["status"], attempted["attempts"]) == ("attempted", 1)
        failed = client.payment.fetch(refusal["metadata"]["payment_id"])
        assert set(failed) == PAYMENT_FIELDS | {"upi"}
        assert (failed["status"], failed["captured"], failed["fee"]) == ("failed", False, None)
        assert (failed["error_code"], failed["error_reason"]) == (
            "BAD_REQUEST_ERROR",
            "payment_failed",
        )
        assert refusal["metadata"]["order_id"] == order["id"]
        assert "razorpay_signature" in sandbox.pay(order["id"], vpa="someone@okbank")
        assert client.order.fetch(order["id"])["attempts"] == 2

    def test_refuses_a_second_payment_of_a_paid_order(self, sandbox, client):
        order = client.order.create(order_request())
        sandbox.pay(order["id"])

        refusal = sandbox.pay(order["id"])["error"]

        assert "order is already paid" in refusal["description"]
        assert client.order.payments(order["id"])["count"] == 1

    def test_captures_one_of_many_simultaneous_payments(self, sandbox, client):
        order = client.order.create(order_request())

        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: sandbox.pay(order["id"]), range(20)))

        assert sum("razorpay_payment_id" in answer for answer in answers) == 1
        assert client.order.payments(order["id"])["count"] == 1

    @pytest.mark.parametrize(
        ("amount", "fee", "tax"),
        [(100, 2, 0), (50_000, 1180, 180), (500_000, 11_800, 1800), (1225, 30, 5)],
    )
    def test_the_fee_is_two_percent_and_gst_rounded_half_up(self, amount, fee, tax):
        assert gateway_fee(amount) == (fee, tax)


class TestCapture:
    @pytest.fixture
    def authorized(self, sandbox, client) -> dict[str, Any]:
        order = client.order.create(order_request(payment={"capture": "manual"}))
        receipt = sandbox.pay(order["id"])
        return client.payment.fetch(receipt["razorpay_payment_id"])

    def test_waits_for_the_merchant_when_the_order_says_manual(self, client, authorized):
        assert (authorized["status"], authorized["captured"]) == ("authorized", False)

        captured = client.payment.capture(authorized["id"], 50_000, {"currency": "INR"})

        assert (captured["status"], captured["fee"]) == ("captured", 1180)
        assert client.order.fetch(authorized["order_id"])["status"] == "paid"

    def test_refuses_another_amount(self, client, authorized):
        with pytest.raises(BadRequestError, match="must be equal to the amount authorized"):
            client.payment.capture(authorized["id"], 49_999, {"currency": "INR"})

        assert client.payment.fetch(authorized["id"]) == authorized

    def test_refuses_to_capture_twice(self, client, authorized):
        client.payment.capture(authorized["id"], 50_000, {"currency": "INR"})

        with pytest.raises(BadRequestError, match=r"^This payment has already been captured$"):
            client.payment.capture(authorized["id"], 50_000, {"currency": "INR"})

    def test_refuses_a_failed_payment(self, sandbox, client):
        order = client.order.create(order_request())
        failed = sandbox.pay(order["id"], vpa="failure@razorpay")["error"]["metadata"]

        with pytest.raises(BadRequestError, match="Only payments which have been authorized"):
            client.payment.capture(failed["payment_id"], 50_000, {"currency": "INR"})

    def test_gives_a_rival_payment_of_the_same_order_back(self, sandbox, client, authorized):
        rival = sandbox.pay(authorized["order_id"])["razorpay_payment_id"]

        client.payment.capture(authorized["id"], 50_000, {"currency": "INR"})

        returned = client.payment.fetch(rival)
        assert (returned["status"], returned["captured"]) == ("refunded", False)
        assert (returned["amount_refunded"], returned["refund_status"]) == (50_000, "full")
        assert client.payment.fetch_multiple_refund(rival)["count"] == 1
        with pytest.raises(BadRequestError, match="order is already paid"):
            client.payment.capture(rival, 50_000, {"currency": "INR"})

    def test_gives_back_what_nobody_captures_in_time(self):
        a_minute_in_a_microsecond = 60_000_000
        with (
            running_sandbox(**KEYS, clock=a_minute_in_a_microsecond) as sandbox,
            client_of(sandbox) as client,
        ):
            order = client.order.create(order_request(payment=manual(manual_expiry_period=12)))
            receipt = sandbox.pay(order["id"])

            payment = client.payment.fetch(receipt["razorpay_payment_id"])
            refunds = client.refund.all()

        assert (payment["status"], payment["captured"]) == ("refunded", False)
        assert [refund["amount"] for refund in refunds["items"]] == [50_000]


class TestLateAuthorisation:
    @pytest.fixture
    def declined(self, sandbox, client) -> dict[str, Any]:
        order = client.order.create(order_request())
        refusal = sandbox.pay(order["id"], vpa="failure@razorpay")["error"]
        return client.payment.fetch(refusal["metadata"]["payment_id"])

    def authorize(self, sandbox: RunningSandbox, payment: dict[str, Any]) -> None:
        with sandbox.app.store.transaction():
            authorize_payment(sandbox.app, payment=dict(payment))

    def test_captures_a_payment_that_had_failed(self, sandbox, client, declined):
        self.authorize(sandbox, declined)

        payment = client.payment.fetch(declined["id"])
        assert (payment["status"], payment["captured"]) == ("captured", True)
        assert (payment["error_code"], payment["error_reason"]) == (None, None)
        assert client.order.fetch(declined["order_id"])["status"] == "paid"

    def test_gives_the_money_back_when_the_order_is_paid_by_then(self, sandbox, client, declined):
        sandbox.pay(declined["order_id"])

        self.authorize(sandbox, declined)

        payment = client.payment.fetch(declined["id"])
        assert (payment["status"], payment["captured"]) == ("refunded", False)
        assert (payment["amount_refunded"], payment["fee"]) == (50_000, None)
