"""The sandbox's armed faults of its API, as the real SDK meets them."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import razorpay
import requests
from razorpay.errors import BadRequestError, ServerError

from payments.sandbox.errors import RazorpayError
from payments.sandbox.faults import OPERATIONS
from payments.sandbox.routing import ROUTES
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.sandbox_access import (
    AUTH,
    ERROR_FIELDS,
    KEYS,
    client_of,
    order_request,
    plain_session,
)

FAULT_FIELDS = {"id", "kind", "where", "times", "fired", "seconds", "match"}


@pytest.fixture(scope="module")
def shared_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS) as running:
        yield running


@pytest.fixture
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.app.faults.clear()
    return shared_sandbox


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


def orders_of(client: razorpay.Client, receipt: str) -> int:
    return client.order.all({"receipt": receipt})["count"]


def seconds_of(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


class TestArming:
    def test_answers_201_with_the_fault_and_its_defaults(self, sandbox, http):
        answer = http.post(f"{sandbox.url}/faults", json={"kind": "slow"})

        assert answer.status_code == 201
        fault = answer.json()
        assert set(fault) == FAULT_FIELDS
        assert fault.pop("id").startswith("flt_")
        assert fault == {
            "kind": "slow",
            "where": "*",
            "times": 1,
            "fired": 0,
            "seconds": 30,
            "match": "",
        }

    def test_keeps_what_it_is_told(self, sandbox, http):
        wish = {
            "kind": "reorder",
            "where": "order.paid",
            "times": 0,
            "seconds": 0.5,
            "match": "R-1",
        }

        fault = http.post(f"{sandbox.url}/faults", json=wish).json()

        assert {name: fault[name] for name in wish} == wish

    @pytest.mark.parametrize(
        ("wish", "field", "hint"),
        [
            ({}, "kind", "rate_limited, server_error, bad_gateway"),
            ({"kind": "flood"}, "kind", "answer_lost, drop, duplicate, delay, reorder"),
            ({"kind": ["slow"]}, "kind", "slow"),
            ({"kind": "slow", "where": "order.paid"}, "where", "*, create_order, list_orders"),
            ({"kind": "drop", "where": "create_order"}, "where", "payment.authorized"),
            ({"kind": "slow", "times": -1}, "times", "0 for until removed"),
            ({"kind": "slow", "times": 1.5}, "times", "whole number"),
            ({"kind": "slow", "times": True}, "times", "whole number"),
            ({"kind": "slow", "seconds": -1}, "seconds", "from 0 to 86400"),
            ({"kind": "slow", "seconds": "3"}, "seconds", "from 0 to 86400"),
            ({"kind": "slow", "seconds": 86401}, "seconds", "from 0 to 86400"),
            ({"kind": "slow", "match": 5}, "match", "256 characters"),
            ({"kind": "slow", "match": "x" * 257}, "match", "256 characters"),
            ({"kind": "slow", "often": 1}, None, "often is/are not required"),
        ],
    )
    def test_refuses_what_is_no_fault_and_says_what_is(self, sandbox, http, wish, field, hint):
        answer = http.post(f"{sandbox.url}/faults", json=wish)

        assert answer.status_code == 400
        error = answer.json()["error"]
        assert set(error) == ERROR_FIELDS
        assert error["field"] == field
        assert hint in error["description"]
        assert http.get(f"{sandbox.url}/faults").json()["count"] == 0

    def test_refuses_a_number_without_end(self, sandbox, http):
        answer = http.post(f"{sandbox.url}/faults", data='{"kind": "slow", "seconds": 1e999}')

        assert answer.status_code == 400

    def test_asks_for_the_keys(self, sandbox):
        with plain_session() as stranger:
            for method in ("POST", "GET", "DELETE"):
                assert stranger.request(method, f"{sandbox.url}/faults").status_code == 401
            assert stranger.post(f"{sandbox.url}/clock", json={"speed": 2}).status_code == 401

    def test_from_within_the_process_raises_the_refusal(self, sandbox):
        with pytest.raises(RazorpayError, match="The kind must be one of"):
            sandbox.arm("flood")

    def test_knows_every_operation_of_the_api(self):
        assert {route.handler.__name__ for route in ROUTES if route.is_operation} == set(OPERATIONS)


class TestList:
    def test_shows_spent_and_armed_faults_with_how_often_they_fired(self, sandbox, client, http):
        sandbox.arm("rate_limited", where="list_refunds")
        sandbox.arm("server_error", where="list_orders", times=0)
        for _ in range(3):
            with pytest.raises(ServerError):
                client.order.all()
        with pytest.raises(BadRequestError):
            client.refund.all()

        listed = http.get(f"{sandbox.url}/faults").json()

        assert (listed["entity"], listed["count"]) == ("collection", 2)
        assert [(fault["kind"], fault["fired"]) for fault in listed["items"]] == [
            ("rate_limited", 1),
            ("server_error", 3),
        ]

    def test_loses_one_fault_or_all(self, sandbox, client, http):
        faults = [sandbox.arm("server_error", where="list_orders", times=0) for _ in range(3)]

        one = http.delete(f"{sandbox.url}/faults/{faults[0]['id']}")
        left = http.get(f"{sandbox.url}/faults").json()["items"]
        rest = http.delete(f"{sandbox.url}/faults")

        assert (one.status_code, one.json()) == (200, faults[0])
        assert left == faults[1:]
        assert (rest.status_code, rest.json()) == (200, {"count": 2})
        assert client.order.all()["entity"] == "collection"

    def test_refuses_to_remove_what_is_not_there(self, sandbox, http):
        sandbox.arm("slow")

        answer = http.delete(f"{sandbox.url}/faults/flt_00000000000000")

        assert answer.json()["error"]["description"] == "The id provided does not exist"
        assert http.get(f"{sandbox.url}/faults").json()["count"] == 1


class TestRefusals:
    @pytest.mark.parametrize(
        ("kind", "status", "code"),
        [("rate_limited", 429, "BAD_REQUEST_ERROR"), ("server_error", 500, "SERVER_ERROR")],
    )
    def test_come_as_razorpays_error_and_do_nothing(
        self, sandbox, client, http, kind, status, code
    ):
        sandbox.arm(kind, where="create_order")

        answer = http.post(f"{sandbox.url}/v1/orders", json=order_request(receipt=f"R-{kind}"))

        assert answer.status_code == status
        assert set(answer.json()["error"]) == ERROR_FIELDS
        assert answer.json()["error"]["code"] == code
        assert orders_of(client, f"R-{kind}") == 0

    def test_of_a_bad_gateway_come_as_html_and_do_nothing(self, sandbox, client, http):
        sandbox.arm("bad_gateway", where="create_order")

        answer = http.post(f"{sandbox.url}/v1/orders", json=order_request(receipt="R-502"))

        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
        assert "<h1>502 Bad Gateway</h1>" in answer.text
        assert orders_of(client, "R-502") == 0


class TestBrokenConnections:
    @pytest.mark.parametrize(("kind", "orders"), [("reset_before", 0), ("reset_after", 1)])
    def test_are_reset_before_or_after_the_work(self, sandbox, client, http, kind, orders):
        sandbox.arm(kind, where="create_order")

        with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
            http.post(f"{sandbox.url}/v1/orders", json=order_request(receipt=f"R-{kind}"))

        assert orders_of(client, f"R-{kind}") == orders

    @pytest.mark.parametrize(("kind", "orders"), [("silent", 0), ("answer_lost", 1)])
    def test_are_silent_before_they_end_without_an_answer(
        self, sandbox, client, http, kind, orders
    ):
        sandbox.arm(kind, where="create_order", seconds=0.2)

        def order() -> None:
            with pytest.raises(requests.ConnectionError, match="RemoteDisconnected"):
                http.post(f"{sandbox.url}/v1/orders", json=order_request(receipt=f"R-{kind}"))

        assert 0.2 <= seconds_of(order) < 2
        assert orders_of(client, f"R-{kind}") == orders

    def test_of_a_keyed_refund_let_the_same_key_find_it(self, sandbox, client, http):
        order = client.order.create(order_request())
        paid = sandbox.pay(order["id"])["razorpay_payment_id"]
        sandbox.arm("reset_after", where="refund_payment")
        headers, url = {"X-Refund-Idempotency": "key-0000001"}, f"{sandbox.url}/v1/payments/{paid}"

        with pytest.raises(requests.ConnectionError):
            http.post(f"{url}/refund", json={"amount": 100}, headers=headers)
        again = http.post(f"{url}/refund", json={"amount": 100}, headers=headers)

        assert again.status_code == 200
        assert [refund["id"] for refund in http.get(f"{url}/refunds").json()["items"]] == [
            again.json()["id"]
        ]


class TestSlowAnswers:
    def test_come_after_the_seconds_with_the_work_done(self, sandbox, client):
        sandbox.arm("slow", where="create_order", seconds=0.2)

        took = seconds_of(lambda: client.order.create(order_request(receipt="R-slow")))

        assert took >= 0.2
        assert orders_of(client, "R-slow") == 1

    def test_hold_nobody_else_up(self, sandbox, client):
        sandbox.arm("slow", where="list_orders", seconds=3, times=4)
        with ThreadPoolExecutor(4) as pool:
            slow = [pool.submit(list_orders, sandbox) for _ in range(4)]
            while sandbox.app.faults.list_all()[0]["fired"] < 4:
                time.sleep(0.01)

            took = [
                seconds_of(lambda n=n: client.order.create(order_request(receipt=f"R-quick-{n}")))
                for n in range(20)
            ]

            assert not any(answer.done() for answer in slow)
            assert max(took) < 1
        assert [answer.result() for answer in slow] == [200] * 4

    @pytest.mark.parametrize("kind", ["slow", "silent", "answer_lost"])
    def test_end_when_the_sandbox_stops(self, kind):
        with running_sandbox(**KEYS) as sandbox:
            sandbox.arm(kind, where="list_orders", seconds=60)
            waiting = threading.Thread(target=expect_no_answer, args=(sandbox,))
            waiting.start()
            while not sandbox.app.faults.list_all()[0]["fired"]:
                time.sleep(0.01)

            took = seconds_of(sandbox.stop)
            waiting.join(5)

        assert took < 2
        assert not waiting.is_alive()


def list_orders(sandbox: RunningSandbox) -> int:
    with plain_session() as session:
        return session.get(f"{sandbox.url}/v1/orders", auth=AUTH).status_code


def expect_no_answer(sandbox: RunningSandbox) -> None:
    with pytest.raises(requests.ConnectionError):
        list_orders(sandbox)


class TestWhichRequest:
    def test_is_the_next_one_of_its_operation_only(self, sandbox, client):
        sandbox.arm("server_error", where="list_orders", times=2)

        client.payment.all()
        for _ in range(2):
            with pytest.raises(ServerError):
                client.order.all()

        assert client.order.all()["entity"] == "collection"

    def test_is_any_of_the_api_but_neither_checkout_nor_control(self, sandbox, client, http):
        order = client.order.create(order_request())
        sandbox.arm("server_error")

        assert http.get(f"{sandbox.url}/checkout/{order['id']}").status_code == 200
        assert http.get(f"{sandbox.url}/events").status_code == 200
        with pytest.raises(ServerError):
            client.order.all()

    @pytest.mark.parametrize("matching", ["R-marked", "order_marked"])
    def test_can_be_named_by_a_text_in_body_query_or_path(self, sandbox, client, http, matching):
        sandbox.arm("bad_gateway", times=0, match=matching)

        client.order.create(order_request(receipt=f"R-other-{matching}"[:12]))
        answers = [
            http.post(f"{sandbox.url}/v1/orders", json=order_request(receipt=matching)),
            http.get(f"{sandbox.url}/v1/orders", params={"receipt": matching}),
            http.get(f"{sandbox.url}/v1/orders/{matching}"),
        ]

        assert [answer.status_code for answer in answers] == [502] * 3

    def test_meets_one_fault_at_most_in_the_order_of_arming(self, sandbox, client):
        sandbox.arm("rate_limited", where="list_orders")
        sandbox.arm("server_error")

        with pytest.raises(BadRequestError, match="try after sometime"):
            client.order.all()
        with pytest.raises(ServerError):
            client.order.all()

        assert client.order.all()["entity"] == "collection"

    def test_is_counted_right_when_many_come_at_once(self, sandbox):
        sandbox.arm("server_error", where="list_orders", times=10)

        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: list_orders(sandbox), range(40)))

        assert (statuses.count(500), statuses.count(200)) == (10, 30)
        assert sandbox.app.faults.list_all()[0]["fired"] == 10
