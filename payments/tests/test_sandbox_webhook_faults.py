"""The sandbox's armed faults of webhooks, as a merchant's endpoint meets them."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import razorpay

from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.merchant_endpoint import Merchant, wait_for
from payments.tests.sandbox_access import AUTH, KEYS, client_of, order_request, plain_session

PAID = ["order.paid", "payment.authorized", "payment.captured"]


@pytest.fixture
def sandbox(webhook_url: str) -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS, webhook_url=webhook_url) as running:
        yield running


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


def pay_new_order(sandbox: RunningSandbox, client: razorpay.Client, **fields: Any) -> None:
    sandbox.pay(client.order.create(order_request(**fields))["id"])


def deliveries_of(sandbox: RunningSandbox) -> dict[str, tuple[str, int, str | None]]:
    """State, attempts and last status of each event."""
    with plain_session() as session:
        items = session.get(f"{sandbox.url}/events?count=100", auth=AUTH).json()["items"]
    return {item["event"]: (item["state"], item["attempts"], item["last_status"]) for item in items}


def delivered_events(sandbox: RunningSandbox) -> list[str]:
    found = deliveries_of(sandbox)
    return sorted(event for event in found if found[event][0] == "delivered")


def order_of(merchant: Merchant) -> list[str]:
    return [received.envelope["event"] for received in merchant.received]


class TestDrop:
    def test_never_sends_the_event_and_gives_it_up(self, sandbox, client, merchant):
        sandbox.arm("drop", where="payment.captured")

        pay_new_order(sandbox, client)

        wait_for(lambda: delivered_events(sandbox) == ["order.paid", "payment.authorized"])
        assert merchant.events() == ["order.paid", "payment.authorized"]
        assert deliveries_of(sandbox)["payment.captured"] == ("given_up", 0, "dropped")

    def test_hits_the_events_whose_body_has_the_text(self, sandbox, client, merchant):
        sandbox.arm("drop", times=0, match="shop/R-1")

        pay_new_order(sandbox, client, receipt="shop/R-1")
        pay_new_order(sandbox, client, receipt="shop/R-2")

        wait_for(lambda: len(merchant.received) == 5)
        assert merchant.events() == sorted([*PAID, "payment.authorized", "payment.captured"])
        paid = merchant.one("order.paid").envelope["payload"]["order"]["entity"]
        assert paid["receipt"] == "shop/R-2"

    def test_of_an_event_leaves_its_replay_alone(self, sandbox, client, merchant):
        sandbox.arm("drop", times=0)
        pay_new_order(sandbox, client)
        event_id = sandbox.app.deliverer.outbox.list_events(count=1)[0]["id"]

        sandbox.act(f"/events/{event_id}/replay")

        wait_for(lambda: merchant.events() == ["order.paid"])

    def test_is_not_spent_on_events_that_nobody_is_sent(self):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            sandbox.arm("drop")

            pay_new_order(sandbox, client)

            assert sandbox.app.faults.list_all()[0]["fired"] == 0


class TestDuplicate:
    def test_sends_the_same_event_twice(self, sandbox, client, merchant):
        sandbox.arm("duplicate", where="order.paid")

        pay_new_order(sandbox, client)

        wait_for(lambda: len(merchant.received) == 4)
        assert merchant.events() == ["order.paid", *PAID]
        twins = [got for got in merchant.received if got.envelope["event"] == "order.paid"]
        assert twins[0].event_id == twins[1].event_id
        assert twins[0].body == twins[1].body


class TestDelay:
    def test_sends_the_event_so_many_real_seconds_later(self, webhook_url, merchant):
        with (
            running_sandbox(**KEYS, webhook_url=webhook_url, clock=1000) as sandbox,
            client_of(sandbox) as client,
        ):
            sandbox.arm("delay", where="payment.authorized", seconds=0.4)
            started = time.monotonic()

            pay_new_order(sandbox, client)

            wait_for(lambda: len(merchant.received) == 3)
            took = time.monotonic() - started
        assert order_of(merchant)[-1] == "payment.authorized"
        assert 0.4 <= took < 3

    def test_is_over_once_the_event_is_retried(self, webhook_url, merchant):
        merchant.answer = lambda number: 500 if number == 1 else 200
        with (
            running_sandbox(**KEYS, webhook_url=webhook_url, clock=1000) as sandbox,
            client_of(sandbox) as client,
        ):
            sandbox.arm("delay", where="payment.failed", seconds=0.2, times=0)
            order = client.order.create(order_request())
            sandbox.pay(order["id"], vpa="failure@razorpay")

            wait_for(lambda: len(merchant.received) == 2)

            assert sandbox.app.faults.list_all()[0]["fired"] == 1
        assert merchant.received[0].event_id == merchant.received[1].event_id


class TestReorder:
    def test_lets_the_next_event_go_first(self, sandbox, client, merchant):
        sandbox.arm("reorder", where="payment.authorized", seconds=30)

        pay_new_order(sandbox, client)

        wait_for(lambda: len(merchant.received) == 3)
        assert order_of(merchant).index("payment.authorized") > 0
        assert merchant.events() == PAID
        wait_for(lambda: delivered_events(sandbox) == PAID)

    def test_waits_until_the_next_event_is_taken(self, sandbox, client, merchant):
        sandbox.arm("drop", where="order.paid")
        sandbox.arm("drop", where="payment.authorized")
        sandbox.arm("reorder", where="payment.captured", seconds=30)
        pay_new_order(sandbox, client)
        time.sleep(0.2)
        held = order_of(merchant)

        sandbox.pay(client.order.create(order_request())["id"], vpa="failure@razorpay")

        wait_for(lambda: len(merchant.received) == 2)
        assert held == []
        assert order_of(merchant) == ["payment.failed", "payment.captured"]

    def test_ends_after_its_seconds_when_nothing_follows(self, sandbox, client, merchant):
        sandbox.arm("reorder", where="payment.failed", seconds=0.3)
        order = client.order.create(order_request())
        started = time.monotonic()

        sandbox.pay(order["id"], vpa="failure@razorpay")

        wait_for(lambda: merchant.received)
        assert time.monotonic() - started >= 0.3
        assert order_of(merchant) == ["payment.failed"]

    def test_survives_a_restart(self, webhook_url, merchant, tmp_path):
        state = str(tmp_path / "state.sqlite3")
        with running_sandbox(**KEYS, webhook_url=webhook_url, state=state) as sandbox:
            with client_of(sandbox) as client:
                order = client.order.create(order_request())
            sandbox.arm("reorder", where="payment.failed", seconds=0.3)
            sandbox.pay(order["id"], vpa="failure@razorpay")
        sent_before = order_of(merchant)

        with running_sandbox(**KEYS, webhook_url=webhook_url, state=state):
            wait_for(lambda: merchant.received)

        assert sent_before == []
        assert order_of(merchant) == ["payment.failed"]
