"""The sandbox's checkout page, driven as a browser drives it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import razorpay
import requests

from payments.sandbox.app import sign
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.sandbox_access import (
    ERROR_FIELDS,
    KEYS,
    PAYMENT_FIELDS,
    client_of,
    order_request,
    plain_session,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "razorpay.json").read_text())


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


class TestCheckoutPage:
    @pytest.fixture
    def order(self, client) -> dict[str, Any]:
        return client.order.create(order_request())

    @pytest.fixture
    def pay_url(self, sandbox, order) -> str:
        return f"{sandbox.url}/checkout/{order['id']}/pay"

    def test_shows_amount_order_and_methods(self, sandbox, http, order):
        by_path = http.get(f"{sandbox.url}/checkout/{order['id']}")
        by_query = http.get(f"{sandbox.url}/checkout", params={"order_id": order["id"]})

        assert by_path.status_code == 200
        assert by_path.text == by_query.text
        assert "Pay ₹500.00" in by_path.text
        assert order["id"] in by_path.text
        assert by_path.text.count(f'action="/checkout/{order["id"]}/pay"') == 3
        assert not re.search(r'(src|href)="(https?:)?//', by_path.text)

    @pytest.mark.parametrize(
        "form",
        [
            {"method": "upi", "vpa": "success@razorpay"},
            {"method": "upi", "vpa": "some.student@okbank"},
            {"method": "card", "card_number": "4100 2800 0000 1007", "otp": "1234"},
            {"method": "card", "card_number": "4100280000001007", "otp": "1234567890"},
            {"method": "netbanking", "bank": "SBIN", "outcome": "success"},
        ],
    )
    def test_takes_the_payment(self, http, client, order, pay_url, form):
        answer = http.post(pay_url, data=form)

        assert answer.status_code == 200
        payment_id = re.search(r"pay_[A-Za-z0-9]{14}", answer.text).group()
        payment = client.payment.fetch(payment_id)
        assert (payment["status"], payment["method"]) == ("captured", form["method"])
        assert PAYMENT_FIELDS <= set(payment) <= PAYMENT_FIELDS | {"upi"}
        signature = sign(KEYS["key_secret"], f"{order['id']}|{payment_id}".encode())
        assert signature in answer.text

    @pytest.mark.parametrize(
        ("form", "reason"),
        [
            ({"method": "upi", "vpa": "failure@razorpay"}, "payment_failed"),
            ({"method": "upi", "vpa": "a.student@okbank", "outcome": "failure"}, "payment_failed"),
            (
                {"method": "card", "card_number": "4100280000001007", "otp": "123"},
                "incorrect_otp",
            ),
            (
                {"method": "card", "card_number": "4100280000001007", "otp": "12345678901"},
                "incorrect_otp",
            ),
            ({"method": "netbanking", "bank": "HDFC", "outcome": "failure"}, "payment_failed"),
        ],
    )
    def test_shows_a_declined_payment(self, http, client, order, pay_url, form, reason):
        page = http.post(pay_url, data=form)
        answer = http.post(pay_url, data=form, headers={"Accept": "application/json"})

        assert (page.status_code, answer.status_code) == (400, 400)
        assert "Payment failed" in page.text
        error = answer.json()["error"]
        assert set(error) == ERROR_FIELDS
        assert error["reason"] == reason
        assert error["metadata"]["order_id"] == order["id"]
        assert client.payment.fetch(error["metadata"]["payment_id"])["error_reason"] == reason
        assert client.order.fetch(order["id"])["status"] == "attempted"

    @pytest.mark.parametrize(
        ("form", "field"),
        [
            ({"method": "upi", "vpa": "no-at-sign"}, "vpa"),
            ({"method": "upi"}, "vpa"),
            ({"method": "card", "card_number": "4100280000001008", "otp": "1234"}, "card_number"),
            ({"method": "netbanking", "bank": "NONE"}, "bank"),
            ({"method": "cash"}, "method"),
            ({"method": "upi", "vpa": "success@razorpay", "outcome": "maybe"}, "outcome"),
        ],
    )
    def test_refuses_what_no_bank_would_be_asked_for(
        self, http, client, order, pay_url, form, field
    ):
        answer = http.post(pay_url, json=form)

        assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
        assert client.order.fetch(order["id"])["attempts"] == 0

    def test_says_that_a_paid_order_is_paid(self, sandbox, http, order, pay_url):
        sandbox.pay(order["id"])

        shown = http.get(f"{sandbox.url}/checkout/{order['id']}")
        posted = http.post(pay_url, data={"vpa": "success@razorpay"})
        answer = http.post(pay_url, json={"vpa": "success@razorpay"})

        assert "already paid" in shown.text
        assert "<form" not in shown.text
        assert (posted.status_code, answer.status_code) == (400, 400)
        assert "already paid" in posted.text
        assert "already paid" in answer.json()["error"]["description"]

    def test_gives_the_body_for_the_verify_call_to_paste(self, sandbox, http, client):
        order = client.order.create(order_request(receipt="R-paste"))

        page = http.post(
            f"{sandbox.url}/checkout/{order['id']}/pay", data={"vpa": "success@razorpay"}
        ).text

        body = json.loads(
            re.search(r"<pre>(.*?)</pre>", page, re.S).group(1).replace("&quot;", '"')
        )
        assert set(body) == {
            "order_id",
            "razorpay_payment_id",
            "razorpay_order_id",
            "razorpay_signature",
        }
        assert (body["order_id"], body["razorpay_order_id"]) == ("R-paste", order["id"])
        assert client.utility.verify_payment_signature(body)

    def test_posts_to_the_callback_url(self, http, order, pay_url):
        callback = "https://shop.example/back?a=1&b=2"

        answer = http.post(pay_url, data={"vpa": "success@razorpay", "callback_url": callback})

        assert 'action="https://shop.example/back?a=1&amp;b=2"' in answer.text
        assert answer.text.count("razorpay_") == 3
        nonce = re.search(r'<script nonce="([^"]+)">', answer.text).group(1)
        assert f"script-src 'nonce-{nonce}'" in answer.headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        "callback",
        [
            "javascript:alert(1)",
            "data:text/html,x",
            "//shop.example",
            "https://",
            "http://[broken",
            "https://shop.example/\nx",
        ],
    )
    def test_refuses_any_other_callback(self, sandbox, http, client, order, pay_url, callback):
        shown = http.get(f"{sandbox.url}/checkout/{order['id']}", params={"callback_url": callback})
        posted = http.post(pay_url, data={"vpa": "success@razorpay", "callback_url": callback})

        assert (shown.status_code, posted.status_code) == (400, 400)
        assert client.order.fetch(order["id"])["attempts"] == 0

    def test_escapes_whatever_it_shows(self, sandbox, http, client):
        attack = '"><script>alert(1)</script>'
        order = client.order.create(order_request(receipt=attack))
        url = f"{sandbox.url}/checkout/{order['id']}"
        callback = f"https://shop.example/?x={attack}"

        pages = [
            http.get(url, params={"callback_url": callback}),
            http.post(f"{url}/pay", data={"vpa": "failure@razorpay", "callback_url": callback}),
            http.post(f"{url}/pay", data={"vpa": "success@razorpay"}),
            http.get(url),
            http.get(f"{sandbox.url}/", headers={"Host": attack}),
            http.get(f"{sandbox.url}/checkout/%3Cscript%3Ealert(1)"),
        ]

        for page in pages:
            assert "<script>alert" not in page.text
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    def test_an_unknown_order_is_refused_in_the_language_of_the_asker(self, sandbox, http):
        url = f"{sandbox.url}/checkout/order_00000000000000"

        page = http.get(url)
        answer = http.get(url, headers={"Accept": "application/json"})

        assert (page.status_code, answer.status_code) == (400, 400)
        assert page.headers["Content-Type"].startswith("text/html")
        assert answer.json()["error"]["description"] == "The id provided does not exist"


class TestSignatureVectors:
    @pytest.mark.parametrize(
        "vector", VECTORS["signature_vectors"], ids=lambda vector: vector["id"]
    )
    def test_are_reproduced(self, vector):
        assert sign(vector["secret"], vector["message"].encode()) == vector["expected_signature"]
