"""Refunds and the settlement report of the sandbox, as the real SDK sees them."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import razorpay
import requests
from razorpay.errors import BadRequestError

from payments.sandbox.refund_keys import KeysInUse
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.sandbox.settlements import IST
from payments.tests.sandbox_access import (
    AUTH,
    KEYS,
    RECON_FIELDS,
    REFUND_FIELDS,
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


class TestRefund:
    @pytest.fixture
    def paid(self, sandbox, client) -> str:
        order = client.order.create(order_request())
        return sandbox.pay(order["id"])["razorpay_payment_id"]

    def test_is_full_when_no_amount_is_given(self, client, paid):
        refund = client.payment.refund(paid, {})

        assert set(refund) == REFUND_FIELDS
        assert re.fullmatch(r"rfnd_[A-Za-z0-9]{14}", refund["id"])
        assert (refund["amount"], refund["status"], refund["notes"]) == (50_000, "processed", [])
        assert (refund["speed_requested"], refund["speed_processed"]) == ("normal", "normal")
        payment = client.payment.fetch(paid)
        assert (payment["status"], payment["refund_status"]) == ("refunded", "full")
        assert (payment["amount_refunded"], payment["captured"]) == (50_000, True)
        assert client.order.fetch(payment["order_id"])["status"] == "paid"

    def test_may_come_in_parts_that_never_exceed_the_payment(self, client, paid):
        first = client.payment.refund(paid, {"amount": 20_000, "speed": "optimum"})
        second = client.payment.refund(paid, {"amount": 29_900})

        with pytest.raises(BadRequestError, match="total refund amount is greater"):
            client.payment.refund(paid, {"amount": 101})

        payment = client.payment.fetch(paid)
        assert (payment["status"], payment["refund_status"]) == ("captured", "partial")
        assert payment["amount_refunded"] == 49_900
        assert (first["speed_requested"], first["speed_processed"]) == ("optimum", "instant")
        listed = client.payment.fetch_multiple_refund(paid)
        assert [item["id"] for item in listed["items"]] == [second["id"], first["id"]]
        assert client.refund.fetch(first["id"]) == first
        assert client.payment.fetch_refund_id(paid, second["id"]) == second
        assert client.payment.refund(paid, {})["amount"] == 100

    @pytest.mark.parametrize(
        ("body", "description"),
        [
            ({"amount": 50_001}, "The refund amount provided is greater than amount captured"),
            ({"amount": 99}, "The amount must be at least INR 1.00"),
            ({"speed": "fast"}, "The selected speed is invalid."),
            ({"reason": "x"}, "reason is/are not required and should not be sent"),
        ],
    )
    def test_refuses_a_wrong_request(self, client, paid, body, description):
        with pytest.raises(BadRequestError, match=f"^{re.escape(description)}$"):
            client.payment.refund(paid, body)

        assert client.payment.fetch(paid)["amount_refunded"] == 0

    def test_refuses_a_payment_that_is_refunded_already(self, client, paid):
        client.payment.refund(paid, {})

        with pytest.raises(BadRequestError, match="has been fully refunded already"):
            client.payment.refund(paid, {})

    def test_refuses_a_payment_that_was_never_captured(self, sandbox, client):
        order = client.order.create(order_request(payment={"capture": "manual"}))
        payment_id = sandbox.pay(order["id"])["razorpay_payment_id"]

        with pytest.raises(BadRequestError, match="payment status should be captured"):
            client.payment.refund(payment_id, {})


class TestRefundKey:
    KEY = "X-Refund-Idempotency"

    @pytest.fixture
    def url(self, sandbox, client) -> str:
        order = client.order.create(order_request())
        payment_id = sandbox.pay(order["id"])["razorpay_payment_id"]
        return f"{sandbox.url}/v1/payments/{payment_id}/refund"

    def test_gives_one_refund_for_one_key(self, http, url):
        headers = {self.KEY: "refund-key-one"}

        first = http.post(url, json={"amount": 100, "speed": "normal"}, headers=headers, auth=AUTH)
        again = http.post(url, json={"speed": "normal", "amount": 100}, headers=headers, auth=AUTH)

        assert (first.status_code, again.status_code) == (200, 200)
        assert again.json() == first.json()
        assert http.get(f"{url}s", auth=AUTH).json()["count"] == 1

    def test_refuses_the_key_for_another_body(self, http, url):
        headers = {self.KEY: "refund-key-two"}
        http.post(url, json={"amount": 100}, headers=headers, auth=AUTH)

        answer = http.post(url, json={"amount": 200}, headers=headers, auth=AUTH)

        assert answer.status_code == 409
        assert answer.json()["error"]["code"] == "BAD_REQUEST_ERROR"
        assert answer.json()["error"]["description"].startswith("Different request with the same")
        assert http.get(f"{url}s", auth=AUTH).json()["count"] == 1

    def test_a_refused_request_does_not_spend_the_key(self, http, url):
        headers = {self.KEY: "refund-key-three"}

        refused = http.post(url, json={"amount": 60_000}, headers=headers, auth=AUTH)
        accepted = http.post(url, json={"amount": 50_000}, headers=headers, auth=AUTH)

        assert (refused.status_code, accepted.status_code) == (400, 200)

    def test_refuses_a_key_whose_request_is_still_in_progress(self, sandbox, http, url):
        with sandbox.app.refund_keys.hold("refund-key-four"):
            answer = http.post(url, json={}, headers={self.KEY: "refund-key-four"}, auth=AUTH)

        assert answer.status_code == 409
        assert answer.json()["error"]["description"].endswith("is still in progress.")

    def test_simultaneous_requests_make_one_refund(self, http, url):
        def refund(_: int) -> int:
            headers = {self.KEY: "refund-key-five"}
            with plain_session() as session:
                return session.post(url, json={}, headers=headers, auth=AUTH).status_code

        with ThreadPoolExecutor(16) as pool:
            statuses = set(pool.map(refund, range(16)))

        assert statuses <= {200, 409}
        assert http.get(f"{url}s", auth=AUTH).json()["count"] == 1

    @pytest.mark.parametrize("key", ["too-short", "has spaces in it", "semi;colon;key"])
    def test_refuses_a_malformed_key(self, http, url, key):
        answer = http.post(url, json={}, headers={self.KEY: key}, auth=AUTH)

        assert answer.status_code == 400
        assert "The idempotency key must" in answer.json()["error"]["description"]

    def test_a_key_is_free_again_once_its_request_is_done(self):
        keys = KeysInUse()

        for _ in range(2):
            with keys.hold("refund-key-six"):
                pass


class TestSettlementReport:
    def test_lists_what_was_captured_and_refunded_that_day(self):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            order = client.order.create(order_request(receipt="R-settled"))
            paid = sandbox.pay(order["id"])["razorpay_payment_id"]
            refund = client.payment.refund(paid, {"amount": 20_000})
            sandbox.pay(client.order.create(order_request())["id"], vpa="failure@razorpay")
            today = datetime.fromtimestamp(refund["created_at"], IST)
            day = {"year": today.year, "month": today.month, "day": today.day}

            report = client.settlement.report(day)
            second = client.settlement.report({**day, "count": 1, "skip": 1})["items"]
            month = client.settlement.report({"year": today.year, "month": today.month})
            year_before = client.settlement.report({**day, "year": today.year - 1, "day": 1})

        credit, debit = report["items"]
        assert (report["entity"], report["count"]) == ("collection", 2)
        assert set(credit) == set(debit) == RECON_FIELDS
        assert (credit["entity_id"], credit["type"], credit["payment_id"]) == (
            paid,
            "payment",
            None,
        )
        assert (credit["credit"], credit["debit"], credit["amount"]) == (48_820, 0, 50_000)
        assert (credit["fee"], credit["tax"]) == (1180, 180)
        assert (debit["entity_id"], debit["type"]) == (refund["id"], "refund")
        assert (debit["credit"], debit["debit"], debit["fee"]) == (0, 20_000, 0)
        assert (debit["payment_id"], debit["order_receipt"]) == (paid, "R-settled")
        assert credit["settlement_id"] == debit["settlement_id"]
        assert re.fullmatch(r"setl_[A-Za-z0-9]{14}", credit["settlement_id"])
        assert credit["settlement_utr"] == debit["settlement_utr"]
        assert second == [debit]
        assert month == report
        assert year_before["items"] == []

    @pytest.mark.parametrize(
        ("query", "description"),
        [
            ({"month": 1}, "The year must be 4 digits."),
            ({"year": 26, "month": 1}, "The year must be 4 digits."),
            ({"year": 2026}, "The month is not a valid month."),
            ({"year": 2026, "month": 13}, "The month is not a valid month."),
            ({"year": 2026, "month": 2, "day": 30}, "The day is not a valid day."),
            (
                {"year": 2026, "month": 2, "count": 1001},
                "The count may not be greater than 1000.",
            ),
        ],
    )
    def test_refuses_a_date_that_does_not_exist(self, client, query, description):
        with pytest.raises(BadRequestError, match=re.escape(description)):
            client.settlement.report(query)

    def test_knows_december_and_leap_years(self, client):
        assert client.settlement.report({"year": 2024, "month": 12})["items"] == []
        assert client.settlement.report({"year": 2024, "month": 2, "day": 29})["items"] == []
