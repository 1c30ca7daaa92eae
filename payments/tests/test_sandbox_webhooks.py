"""What the sandbox sends to the merchant, when, and how often."""

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from payments.sandbox.app import sign
from payments.sandbox.entities import event_body
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.sandbox.webhooks import retry_delay
from payments.tests.merchant_endpoint import Merchant, listening, wait_for
from payments.tests.sandbox_access import (
    AUTH,
    KEYS,
    client_of,
    order_request,
    plain_session,
)

VECTORS = json.loads((Path(__file__).parent / "vectors" / "razorpay.json").read_text())
A_DAY_IN_A_TENTH_OF_A_SECOND = 24 * 3600 * 10
PAID = ["order.paid", "payment.authorized", "payment.captured"]


@pytest.fixture
def sandbox(webhook_url: str) -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS, webhook_url=webhook_url) as running:
        yield running


@pytest.fixture(scope="module")
def sent() -> dict[tuple[str, str], dict[str, Any]]:
    """One envelope for each event and method."""
    merchant, netbanking = Merchant(), {"method": "netbanking", "bank": "HDFC"}
    with (
        listening(merchant) as url,
        running_sandbox(**KEYS, webhook_url=url) as sandbox,
        client_of(sandbox) as client,
    ):
        for fields in ({}, netbanking):
            order = client.order.create(order_request(receipt=f"R-{len(fields)}"))
            sandbox.pay(order["id"], **fields, outcome="failure")
            receipt = sandbox.pay(order["id"], **fields)
        client.payment.refund(
            receipt["razorpay_payment_id"], {"amount": 20_000, "notes": {"why": "test"}}
        )
        wait_for(lambda: len(merchant.received) == 10)
    envelopes = [received.envelope for received in merchant.received]
    return {(envelope["event"], method_of(envelope)): envelope for envelope in envelopes}


def pay_new_order(sandbox: RunningSandbox, vpa: str = "success@razorpay", **fields: Any) -> dict:
    with client_of(sandbox) as client:
        order = client.order.create(order_request(**fields))
    return sandbox.pay(order["id"], vpa=vpa)


def samples(event: str) -> list[Any]:
    found = [
        pytest.param(sample["payload"], id=f"{event} {sample['label']}")
        for sample in VECTORS["sample_webhook_payloads"]
        if sample["event"] == event
    ]
    assert found
    return found


def method_of(envelope: dict[str, Any]) -> str:
    return envelope["payload"]["payment"]["entity"]["method"]


class TestEvents:
    def test_a_payment_makes_three(self, sandbox, merchant):
        receipt = pay_new_order(sandbox, receipt="R-1")

        wait_for(lambda: len(merchant.received) == 3)
        assert merchant.events() == PAID
        authorized = merchant.one("payment.authorized").envelope["payload"]["payment"]["entity"]
        captured = merchant.one("payment.captured").envelope["payload"]["payment"]["entity"]
        order = merchant.one("order.paid").envelope["payload"]["order"]["entity"]
        assert (authorized["status"], captured["status"]) == ("authorized", "captured")
        assert (authorized["fee"], captured["fee"]) == (None, 1180)
        assert authorized["id"] == captured["id"] == receipt["razorpay_payment_id"]
        assert (order["status"], order["receipt"]) == ("paid", "R-1")

    def test_a_declined_payment_makes_one(self, sandbox, merchant):
        pay_new_order(sandbox, vpa="failure@razorpay")

        wait_for(lambda: merchant.received)
        assert merchant.events() == ["payment.failed"]

    def test_a_refund_makes_two(self, sandbox, merchant):
        receipt = pay_new_order(sandbox)
        with client_of(sandbox) as client:
            refund = client.payment.refund(receipt["razorpay_payment_id"], {"amount": 100})

        wait_for(lambda: len(merchant.received) == 5)
        assert merchant.events() == [*PAID, "refund.created", "refund.processed"]
        payload = merchant.one("refund.processed").envelope["payload"]
        assert payload["refund"]["entity"] == refund
        assert payload["payment"]["entity"]["refund_status"] == "partial"

    def test_a_payment_for_the_merchant_to_capture_makes_one(self, sandbox, merchant):
        pay_new_order(sandbox, payment={"capture": "manual"})

        wait_for(lambda: merchant.received)
        assert merchant.events() == ["payment.authorized"]

    def test_carry_signature_id_and_type(self, sandbox, merchant):
        pay_new_order(sandbox, vpa="failure@razorpay")

        wait_for(lambda: merchant.received)
        received = merchant.received[0]
        assert received.headers["X-Razorpay-Signature"] == sign(
            KEYS["webhook_secret"], received.body
        )
        with client_of(sandbox) as client:
            assert client.utility.verify_webhook_signature(
                received.body.decode(),
                received.headers["X-Razorpay-Signature"],
                KEYS["webhook_secret"],
            )
        assert re.fullmatch(r"[A-Za-z0-9]{14}", received.event_id)
        assert received.headers["Content-Type"] == "application/json"
        assert received.headers["User-Agent"] == "Razorpay-Webhook/v1"

    def test_are_other_bytes_than_their_re_serialised_json(self):
        body = event_body(
            account_id="acc_x", event="x", entities={"order": {"notes": "a/b"}}, created_at=1
        )

        assert json.loads(body)["payload"]["order"]["entity"]["notes"] == "a/b"
        assert body != json.dumps(json.loads(body), separators=(",", ":")).encode()


class TestShape:
    """Field by field against the samples that Razorpay publishes."""

    @pytest.mark.parametrize(
        "sample",
        [
            *samples("payment.authorized"),
            *samples("payment.captured"),
            *samples("payment.failed"),
            *samples("refund.created"),
            *samples("refund.processed"),
        ],
    )
    def test_is_exactly_that_of_the_sample(self, sent, sample):
        envelope = sent[sample["event"], method_of(sample)]

        assert shape_of(envelope) == shape_of(sample)

    @pytest.mark.parametrize("sample", samples("order.paid"))
    def test_of_order_paid_has_the_sample_and_the_newer_payment_fields(self, sent, sample):
        envelope = sent["order.paid", method_of(sample)]
        captured = sent["payment.captured", method_of(sample)]

        payment = envelope["payload"]["payment"]["entity"]
        assert set(payment) >= set(sample["payload"]["payment"]["entity"])
        assert payment == captured["payload"]["payment"]["entity"]
        assert shape_of(envelope["payload"]["order"]) == shape_of(sample["payload"]["order"])
        assert envelope["contains"] == sample["contains"] == ["payment", "order"]
        assert set(envelope) == set(sample)


def shape_of(value: Any) -> Any:
    """The names and kinds of everything in it; notes are free, and null fits a text."""
    if isinstance(value, dict):
        return {name: shape_of(value[name]) for name in value if name != "notes"}
    if isinstance(value, list):
        return value
    return "text" if value is None or isinstance(value, str) else type(value).__name__


class TestDelivery:
    def test_is_repeated_with_the_same_id_and_bytes_until_it_is_taken(self, webhook_url, merchant):
        merchant.answer = lambda number: 500 if number < 4 else 204
        with running_sandbox(**KEYS, webhook_url=webhook_url, clock=10_000) as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")

            wait_for(lambda: events_of(sandbox)[0]["state"] == "delivered")

        assert len({(received.event_id, received.body) for received in merchant.received}) == 1
        assert len(merchant.received) == 4

    @pytest.mark.parametrize("status", [301, 400, 404, 500])
    def test_counts_only_a_2xx_as_taken(self, webhook_url, merchant, status):
        merchant.answer = lambda number: status
        with running_sandbox(**KEYS, webhook_url=webhook_url) as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")

            wait_for(lambda: events_of(sandbox)[0]["attempts"])

            event = events_of(sandbox)[0]
        assert (event["state"], event["last_status"]) == ("pending", str(status))

    def test_waits_ten_seconds_and_then_ever_longer(self):
        assert [retry_delay(attempt) for attempt in (1, 2, 3, 10)] == [10, 20, 40, 5120]

    def test_does_not_wait_for_a_slow_one(self, webhook_url, merchant):
        release = threading.Event()
        merchant.answer = lambda number: 200 if number > 1 or release.wait(4) else 500
        with running_sandbox(**KEYS, webhook_url=webhook_url) as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")
            wait_for(lambda: merchant.received)

            pay_new_order(sandbox)

            wait_for(lambda: len(merchant.received) == 4, seconds=2)
            release.set()

    def test_goes_on_after_a_restart(self, webhook_url, merchant, tmp_path):
        state, nobody = str(tmp_path / "state.sqlite3"), "http://127.0.0.1:1/"
        with running_sandbox(**KEYS, state=state, webhook_url=nobody, clock=10_000) as sandbox:
            pay_new_order(sandbox)
            wait_for(lambda: all(event["attempts"] for event in events_of(sandbox)))
            ids = {event["id"] for event in events_of(sandbox)}
            assert {event["last_status"] for event in events_of(sandbox)} == {"unreachable"}

        with running_sandbox(**KEYS, state=state, webhook_url=webhook_url, clock=10_000):
            wait_for(lambda: len(merchant.received) == 3)

        assert {received.event_id for received in merchant.received} == ids

    def test_keeps_the_old_signature_when_the_secret_changes(self, webhook_url, merchant, tmp_path):
        state, changed = str(tmp_path / "state.sqlite3"), KEYS | {"webhook_secret": "new secret"}
        with running_sandbox(**KEYS, state=state, webhook_url="http://127.0.0.1:1/") as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")
            old_id = events_of(sandbox)[0]["id"]

        with running_sandbox(**changed, state=state, webhook_url=webhook_url) as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")
            replay(sandbox, old_id)
            wait_for(lambda: len(merchant.received) >= 2)

        for received in merchant.received:
            secret = KEYS["webhook_secret"] if received.event_id == old_id else "new secret"
            assert received.headers["X-Razorpay-Signature"] == sign(secret, received.body)

    def test_of_many_events_loses_none(self, sandbox, merchant):
        threads = [
            threading.Thread(target=pay_new_order, args=(sandbox,), kwargs={"receipt": f"R-{n}"})
            for n in range(40)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        wait_for(lambda: len(merchant.received) == 120)
        assert merchant.events() == sorted(PAID * 40)
        assert len({received.event_id for received in merchant.received}) == 120

    def test_is_only_recorded_without_a_url(self):
        with running_sandbox(**KEYS) as sandbox:
            pay_new_order(sandbox)

            assert [event["state"] for event in events_of(sandbox)] == ["not_sent"] * 3


class TestDisabledWebhook:
    @pytest.fixture
    def disabled(self, webhook_url, merchant) -> Iterator[RunningSandbox]:
        merchant.answer = lambda number: 500
        with running_sandbox(
            **KEYS, webhook_url=webhook_url, clock=A_DAY_IN_A_TENTH_OF_A_SECOND
        ) as sandbox:
            pay_new_order(sandbox, vpa="failure@razorpay")
            wait_for(lambda: events_of(sandbox)[0]["state"] == "given_up")
            yield sandbox

    def test_follows_24_hours_of_failures(self, disabled, merchant, http):
        page = http.get(f"{disabled.url}/").text

        assert "Disabled since" in page
        assert events_of(disabled)[0]["attempts"] == len(merchant.received) > 2
        assert len({received.event_id for received in merchant.received}) == 1

    def test_sends_nothing_more(self, disabled, merchant):
        before = len(merchant.received)
        merchant.answer = lambda number: 200

        pay_new_order(disabled)

        assert [event["state"] for event in events_of(disabled)[:3]] == ["not_sent"] * 3
        with client_of(disabled) as client:
            assert client.payment.all()["count"] == 2
        assert len(merchant.received) == before

    def test_refuses_a_replay(self, disabled):
        answer = replay(disabled, events_of(disabled)[0]["id"])

        assert (answer.status_code, "disabled" in answer.text) == (400, True)

    def test_works_again_once_it_is_enabled(self, disabled, merchant, http):
        merchant.answer = lambda number: 200
        merchant.received.clear()
        lost = events_of(disabled)[0]["id"]

        answer = http.post(f"{disabled.url}/webhook/enable")

        assert (answer.status_code, answer.json()["enabled"]) == (200, True)
        pay_new_order(disabled)
        replay(disabled, lost)
        wait_for(lambda: len(merchant.received) == 4)
        assert merchant.events() == [*PAID, "payment.failed"]


class TestReplay:
    def test_sends_the_same_event_again(self, sandbox, merchant):
        pay_new_order(sandbox, vpa="failure@razorpay")
        wait_for(lambda: merchant.received)

        answer = replay(sandbox, merchant.received[0].event_id)

        assert answer.json() == {"id": merchant.received[0].event_id, "state": "pending"}
        wait_for(lambda: len(merchant.received) == 2)
        first, second = merchant.received
        assert (first.event_id, first.body) == (second.event_id, second.body)
        wait_for(lambda: events_of(sandbox)[0]["attempts"] == 2)

    def test_refuses_an_unknown_event(self, sandbox):
        assert replay(sandbox, "00000000000000").status_code == 400

    def test_refuses_when_there_is_nowhere_to_send_to(self):
        with running_sandbox(**KEYS) as sandbox:
            pay_new_order(sandbox)

            answer = replay(sandbox, events_of(sandbox)[0]["id"])

        assert answer.json()["error"]["description"] == "No webhook URL is set."


class TestEventList:
    def test_shows_newest_first_with_body_and_delivery(self, sandbox, merchant, http):
        pay_new_order(sandbox)
        wait_for(lambda: {event["state"] for event in events_of(sandbox)} == {"delivered"})

        answer = http.get(f"{sandbox.url}/events", params={"count": 2}).json()
        page = http.get(f"{sandbox.url}/").text

        assert (answer["entity"], answer["count"]) == ("collection", 2)
        newest = answer["items"][0]
        assert (newest["event"], newest["body"]["event"]) == ("order.paid", "order.paid")
        assert (newest["attempts"], newest["last_status"]) == (1, "200")
        for received in merchant.received:
            assert received.event_id in page


def events_of(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """The sandbox's list of events, newest first."""
    with plain_session() as session:
        answer = session.get(f"{sandbox.url}/events", params={"count": 100}, auth=AUTH)
    return answer.json()["items"]


def replay(sandbox: RunningSandbox, event_id: str) -> requests.Response:
    with plain_session() as session:
        return session.post(f"{sandbox.url}/events/{event_id}/replay", auth=AUTH)
