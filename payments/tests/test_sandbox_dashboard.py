"""What banks and Razorpay's dashboard do on demand, as the real SDK sees it afterwards."""

import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import razorpay
from razorpay.errors import BadRequestError

from payments.sandbox.errors import RazorpayError
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.sandbox.settlements import IST
from payments.tests.merchant_endpoint import Merchant, wait_for
from payments.tests.sandbox_access import (
    ERROR_FIELDS,
    KEYS,
    client_of,
    order_request,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "razorpay.json").read_text())
PAID = ["order.paid", "payment.authorized", "payment.captured"]


@pytest.fixture
def sandbox(webhook_url: str) -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS, webhook_url=webhook_url) as running:
        yield running


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


@pytest.fixture
def order(client: razorpay.Client) -> dict[str, Any]:
    return client.order.create(order_request(receipt="R-1"))


@pytest.fixture
def paid(sandbox: RunningSandbox, merchant: Merchant, order: dict[str, Any]) -> str:
    """The id of a captured payment whose events the merchant has seen."""
    payment_id = sandbox.pay(order["id"])["razorpay_payment_id"]
    wait_for(lambda: len(merchant.received) == 3)
    merchant.received.clear()
    return payment_id


@pytest.fixture
def failed(sandbox: RunningSandbox, merchant: Merchant, order: dict[str, Any]) -> str:
    refusal = sandbox.pay(order["id"], vpa="failure@razorpay")
    wait_for(lambda: merchant.received)
    merchant.received.clear()
    return refusal["error"]["metadata"]["payment_id"]


class TestRefundByHand:
    def test_has_neither_receipt_nor_key_and_makes_its_events(
        self, sandbox, client, http, merchant, paid
    ):
        answer = http.post(f"{sandbox.url}/payments/{paid}/dashboard-refund", json={"amount": 1000})

        refund = client.refund.fetch(answer.json()["id"])
        assert (refund["amount"], refund["receipt"], refund["notes"]) == (1000, None, [])
        assert client.payment.fetch(paid)["amount_refunded"] == 1000
        wait_for(lambda: merchant.events() == ["refund.created", "refund.processed"])

    def test_gives_all_back_that_is_left(self, sandbox, client, paid):
        client.payment.refund(paid, {"amount": 20_000})

        refund = sandbox.act(f"/payments/{paid}/dashboard-refund")

        assert refund["amount"] == 30_000
        assert client.payment.fetch(paid)["status"] == "refunded"

    def test_refuses_more_than_was_paid(self, sandbox, client, http, paid):
        answer = http.post(
            f"{sandbox.url}/payments/{paid}/dashboard-refund", json={"amount": 50001}
        )

        assert (answer.status_code, set(answer.json()["error"])) == (400, ERROR_FIELDS)
        assert client.payment.fetch(paid)["amount_refunded"] == 0


class TestARefundThatTheBankReturns:
    def test_has_failed_and_its_money_is_the_merchant_s_again(
        self, sandbox, client, http, merchant, paid
    ):
        refund_id = client.payment.refund(paid, {"amount": 50_000})["id"]
        wait_for(lambda: len(merchant.received) == 2)

        answer = http.post(f"{sandbox.url}/refunds/{refund_id}/fail")

        assert (answer.status_code, answer.json()["status"]) == (200, "failed")
        assert client.refund.fetch(refund_id)["status"] == "failed"
        payment = client.payment.fetch(paid)
        assert (payment["status"], payment["amount_refunded"], payment["refund_status"]) == (
            "captured",
            0,
            None,
        )
        wait_for(lambda: "refund.failed" in merchant.events())
        sent = merchant.one("refund.failed").envelope["payload"]
        assert sent["refund"]["entity"]["id"] == refund_id
        assert sent["payment"]["entity"]["amount_refunded"] == 0

    def test_leaves_the_others_of_its_payment(self, sandbox, client, paid):
        first, _ = (client.payment.refund(paid, {"amount": 10_000})["id"] for _ in range(2))

        sandbox.act(f"/refunds/{first}/fail")

        payment = client.payment.fetch(paid)
        assert (payment["amount_refunded"], payment["refund_status"]) == (10_000, "partial")

    def test_fails_once(self, sandbox, client, paid):
        refund_id = client.payment.refund(paid, {"amount": 10_000})["id"]
        sandbox.act(f"/refunds/{refund_id}/fail")

        with pytest.raises(RazorpayError, match="Only a processed refund"):
            sandbox.act(f"/refunds/{refund_id}/fail")
        with pytest.raises(RazorpayError, match="does not exist"):
            sandbox.act("/refunds/rfnd_00000000000000/fail")

        assert client.payment.fetch(paid)["amount_refunded"] == 0


class TestLateAuthorisation:
    def test_makes_a_failed_payment_captured(self, sandbox, client, http, merchant, order, failed):
        answer = http.post(f"{sandbox.url}/payments/{failed}/authorize")

        assert (answer.status_code, answer.json()["status"]) == (200, "captured")
        payment = client.payment.fetch(failed)
        assert (payment["captured"], payment["error_code"]) == (True, None)
        assert client.order.fetch(order["id"])["status"] == "paid"
        wait_for(lambda: merchant.events() == PAID)

    def test_of_a_second_payment_is_given_back(self, sandbox, client, merchant, order, failed):
        sandbox.pay(order["id"])
        wait_for(lambda: len(merchant.received) == 3)
        merchant.received.clear()

        sandbox.act(f"/payments/{failed}/authorize")

        payment = client.payment.fetch(failed)
        assert (payment["captured"], payment["status"]) == (False, "refunded")
        wait_for(
            lambda: (
                merchant.events() == ["payment.authorized", "refund.created", "refund.processed"]
            )
        )

    def test_is_refused_for_a_payment_that_did_not_fail(self, sandbox, client, http, paid):
        before = client.payment.fetch(paid)

        answer = http.post(f"{sandbox.url}/payments/{paid}/authorize")

        assert answer.status_code == 400
        assert client.payment.fetch(paid) == before


class TestSecondCapture:
    def test_leaves_two_captured_payments_on_the_order(
        self, sandbox, client, http, merchant, order, paid
    ):
        answer = http.post(f"{sandbox.url}/orders/{order['id']}/second-capture")

        second = answer.json()["id"]
        found = client.order.payments(order["id"])["items"]
        assert [(payment["id"], payment["status"]) for payment in found] == [
            (second, "captured"),
            (paid, "captured"),
        ]
        assert client.order.fetch(order["id"])["amount_paid"] == 50_000
        wait_for(lambda: merchant.events() == ["payment.authorized", "payment.captured"])

    def test_is_refused_before_the_order_is_paid(self, sandbox, client, http, order):
        answer = http.post(f"{sandbox.url}/orders/{order['id']}/second-capture")

        assert answer.status_code == 400
        assert client.order.payments(order["id"])["count"] == 0


class TestDispute:
    def test_has_the_shape_that_razorpay_publishes(self, sandbox, client, http, merchant, paid):
        sample = next(
            sample["payload"]
            for sample in VECTORS["sample_webhook_payloads"]
            if sample["event"] == "payment.dispute.created"
        )

        answer = http.post(
            f"{sandbox.url}/payments/{paid}/dispute",
            json={"amount": 39_000, "phase": "fraud", "reason_code": "duplicate_processing"},
        )

        wait_for(lambda: merchant.events() == ["payment.dispute.created"])
        envelope = merchant.received[0].envelope
        dispute, published = (each["payload"]["dispute"]["entity"] for each in (envelope, sample))
        assert answer.json() == dispute == client.dispute.fetch(dispute["id"])
        assert set(dispute) == set(published)
        assert set(dispute["evidence"]) == set(published["evidence"])
        assert envelope["contains"] == sample["contains"]
        assert envelope["payload"]["payment"]["entity"]["id"] == paid
        assert (dispute["amount"], dispute["phase"]) == (39_000, "fraud")
        assert (dispute["status"], dispute["amount_deducted"]) == ("open", 0)

    @pytest.mark.parametrize(
        ("steps", "status", "deducted"),
        [
            (["under_review", "won"], "won", 0),
            (["under_review", "action_required"], "open", 0),
            (["lost"], "lost", 50_000),
            (["closed"], "closed", 0),
        ],
    )
    def test_goes_its_way_step_by_step(
        self, sandbox, client, http, merchant, paid, steps, status, deducted
    ):
        dispute_id = sandbox.act(f"/payments/{paid}/dispute")["id"]

        for step in steps:
            assert http.post(f"{sandbox.url}/disputes/{dispute_id}/{step}").status_code == 200

        dispute = client.dispute.fetch(dispute_id)
        assert (dispute["status"], dispute["amount_deducted"]) == (status, deducted)
        assert client.dispute.all()["items"] == [dispute]
        wait_for(lambda: len(merchant.received) == len(steps) + 1)
        assert merchant.events() == sorted(
            f"payment.dispute.{step}" for step in ["created", *steps]
        )

    def test_is_lost_for_less_when_the_bank_says_so(self, sandbox, client, paid):
        dispute_id = sandbox.act(f"/payments/{paid}/dispute")["id"]

        lost = sandbox.act(f"/disputes/{dispute_id}/lost", amount=20_000)

        assert (lost["amount"], lost["amount_deducted"]) == (50_000, 20_000)
        assert client.dispute.fetch(dispute_id) == lost

    @pytest.mark.parametrize(
        ("step", "fields"),
        [("lost", {"amount": 50_001}), ("won", {"amount": 20_000}), ("lost", {"more": 1})],
    )
    def test_stays_open_after_a_step_that_makes_no_sense(self, sandbox, client, paid, step, fields):
        dispute_id = sandbox.act(f"/payments/{paid}/dispute")["id"]

        with pytest.raises(RazorpayError):
            sandbox.act(f"/disputes/{dispute_id}/{step}", **fields)

        assert client.dispute.fetch(dispute_id)["status"] == "open"

    def test_is_over_once_it_is_decided(self, sandbox, client, http, paid):
        dispute_id = sandbox.act(f"/payments/{paid}/dispute")["id"]
        sandbox.act(f"/disputes/{dispute_id}/won")

        answers = [
            http.post(f"{sandbox.url}/disputes/{dispute_id}/{step}") for step in ("lost", "no-step")
        ]

        assert [answer.status_code for answer in answers] == [400, 400]
        assert client.dispute.fetch(dispute_id)["status"] == "won"

    @pytest.mark.parametrize(
        "fields",
        [{"amount": 50_001}, {"amount": 1}, {"phase": "war"}, {"reason_code": 5}, {"more": 1}],
    )
    def test_refuses_what_no_bank_would_ask_for(self, sandbox, client, paid, fields):
        with pytest.raises(RazorpayError):
            sandbox.act(f"/payments/{paid}/dispute", **fields)

        assert client.dispute.all()["count"] == 0

    def test_needs_a_captured_payment(self, sandbox, client, failed):
        with pytest.raises(RazorpayError, match="should be captured"):
            sandbox.act(f"/payments/{failed}/dispute")

        with pytest.raises(BadRequestError, match="does not exist"):
            client.dispute.fetch("disp_00000000000000")


class TestSettlement:
    def report(self, client: razorpay.Client) -> dict[str, dict[str, Any]]:
        today = datetime.now(IST)
        day = {"year": today.year, "month": today.month, "day": today.day}
        return {item["entity_id"]: item for item in client.settlement.report(day)["items"]}

    def test_report_shows_a_wrong_amount_for_payment_and_refund(self, sandbox, client, http, paid):
        refund_id = client.payment.refund(paid, {"amount": 20_000})["id"]
        right = self.report(client)

        for entity_id, difference in ((paid, -100), (refund_id, 250)):
            answer = http.post(
                f"{sandbox.url}/settlements/{entity_id}/adjust", json={"difference": difference}
            )
            assert answer.json() == {"entity_id": entity_id, "difference": difference}

        wrong = self.report(client)
        assert (wrong[paid]["amount"], wrong[paid]["credit"]) == (
            49_900,
            right[paid]["credit"] - 100,
        )
        assert (wrong[refund_id]["amount"], wrong[refund_id]["debit"]) == (20_250, 20_250)
        assert client.payment.fetch(paid)["amount"] == 50_000

    @pytest.mark.parametrize("difference", [None, "5", True, 50_001, -50_001])
    def test_report_stays_right_when_the_difference_is_none(
        self, sandbox, client, paid, difference
    ):
        right = self.report(client)

        with pytest.raises(RazorpayError, match="must be an integer from -50000 to 50000"):
            sandbox.act(f"/settlements/{paid}/adjust", difference=difference)
        with pytest.raises(RazorpayError, match="does not exist"):
            sandbox.act("/settlements/pay_00000000000000/adjust", difference=1)

        assert self.report(client) == right

    def test_processed_sums_up_the_day(self, sandbox, client, http, merchant, paid):
        client.payment.refund(paid, {"amount": 20_000})

        settlement = http.post(f"{sandbox.url}/settlements/process").json()

        item = self.report(client)[paid]
        assert settlement["amount"] == item["credit"] - 20_000
        assert (settlement["fees"], settlement["tax"]) == (item["fee"], item["tax"])
        assert (settlement["id"], settlement["utr"]) == (
            item["settlement_id"],
            item["settlement_utr"],
        )
        wait_for(lambda: len(merchant.received) == 3)
        sent = merchant.one("settlement.processed").envelope
        assert sent["payload"]["settlement"]["entity"] == settlement


class TestClock:
    def test_shows_its_speed_and_takes_another(self, sandbox, http):
        before = http.get(f"{sandbox.url}/clock").json()

        answer = http.post(f"{sandbox.url}/clock", json={"speed": 60})

        assert before == {"speed": 1.0}
        assert answer.json() == http.get(f"{sandbox.url}/clock").json() == {"speed": 60.0}

    @pytest.mark.parametrize("body", ['{"speed": 0}', '{"speed": -1}', '{"speed": 1e999}', "{}"])
    def test_refuses_a_speed_that_is_none(self, sandbox, http, body):
        answer = http.post(f"{sandbox.url}/clock", data=body)

        assert answer.status_code == 400
        assert http.get(f"{sandbox.url}/clock").json() == {"speed": 1.0}

    def test_shortens_the_wait_for_a_retry_that_has_begun(self, sandbox, client, merchant, order):
        merchant.answer = lambda number: 500 if number == 1 else 200
        sandbox.pay(order["id"], vpa="failure@razorpay")
        wait_for(lambda: sandbox.app.deliverer.outbox.list_events(count=1)[0]["attempts"] == 1)

        sandbox.act("/clock", speed=100)

        wait_for(lambda: len(merchant.received) == 2, seconds=2)
        assert merchant.received[0].event_id == merchant.received[1].event_id

    def test_shortens_the_time_that_is_left_for_a_capture(self, sandbox, client, order):
        sandbox.pay(order["id"], vpa="manual@razorpay")
        five_days_in_a_tenth_of_a_second = 5 * 24 * 3600 * 10

        sandbox.act("/clock", speed=five_days_in_a_tenth_of_a_second)
        time.sleep(0.15)

        (payment,) = client.order.payments(order["id"])["items"]
        assert payment["status"] == "refunded"

    def test_does_not_send_twice_what_is_under_way(self, webhook_url, merchant):
        merchant.answer = lambda number: time.sleep(0.3) or 200
        with running_sandbox(**KEYS, webhook_url=webhook_url) as sandbox:
            with client_of(sandbox) as client:
                order = client.order.create(order_request())
            sandbox.pay(order["id"])
            wait_for(lambda: len(merchant.received) == 3)

            for speed in (2, 4, 8):
                sandbox.act("/clock", speed=speed)
            time.sleep(0.4)

        assert merchant.events() == PAID


class TestStateOfAnEarlierVersion:
    def test_gains_the_new_tables(self, tmp_path):
        state = str(tmp_path / "state.sqlite3")
        with running_sandbox(**KEYS, state=state) as sandbox, client_of(sandbox) as client:
            order = client.order.create(order_request())
            payment_id = sandbox.pay(order["id"])["razorpay_payment_id"]
            for table in ("disputes", "adjustments"):
                sandbox.app.store.execute(f"DROP TABLE {table}")
            sandbox.app.store.execute("PRAGMA user_version = 1")

        with running_sandbox(**KEYS, state=state) as sandbox, client_of(sandbox) as client:
            dispute = sandbox.act(f"/payments/{payment_id}/dispute")

            assert client.order.fetch(order["id"])["status"] == "paid"
            assert client.dispute.all()["items"] == [dispute]
