"""The gateway's contract, on the twin in memory and on Razorpay's SDK over HTTP."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from payments.gateways import razorpay as adapter
from payments.gateways.base import (
    Gateway,
    GatewayDeclined,
    GatewayOutcomeUnknown,
    GatewayRejected,
    GatewayUnavailable,
)
from payments.gateways.memory import MemoryGateway
from payments.gateways.razorpay import RazorpayGateway
from payments.gateways.signatures import checkout_is_authentic
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.sandbox_access import AUTH, KEYS

# Every call asks the circuit breaker's row first.
pytestmark = pytest.mark.django_db


@dataclass
class Shop:
    """A gateway and the hands of a payer. `pay` gives (payment id, signature);
    `authorize` a payment of that amount which nobody captured."""

    gateway: Gateway
    pay: Callable[[str], tuple[str, str]]
    authorize: Callable[[int], str]
    key_secret: str


@pytest.fixture(params=["memory", "sandbox"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "memory":
        yield _memory_shop()
    else:
        with running_sandbox(**KEYS) as sandbox:
            yield _sandbox_shop(sandbox)


def _memory_shop() -> Shop:
    twin = MemoryGateway()

    def pay(order_id: str) -> tuple[str, str]:
        payment = twin.pay(order_id)
        return payment.id, twin.signature(payment)

    def authorize(amount_paise: int) -> str:
        order = twin.create_order(receipt="manual", amount_paise=amount_paise, notes={})
        return twin.pay(order.id, status="authorized").id

    return Shop(twin, pay, authorize, twin.key_secret)


def _sandbox_shop(sandbox: RunningSandbox) -> Shop:
    def pay(order_id: str) -> tuple[str, str]:
        paid = sandbox.pay(order_id)
        return paid["razorpay_payment_id"], paid["razorpay_signature"]

    def authorize(amount_paise: int) -> str:
        order = {"amount": amount_paise, "currency": "INR", "payment": {"capture": "manual"}}
        made = requests.post(f"{sandbox.url}/v1/orders", json=order, auth=AUTH, timeout=5)
        return pay(made.json()["id"])[0]

    gateway = _adapter_for(sandbox.url)
    return Shop(gateway, pay, authorize, KEYS["key_secret"])


def _adapter_for(url: str) -> RazorpayGateway:
    return RazorpayGateway(base_url=url, key_id=KEYS["key_id"], key_secret=KEYS["key_secret"])


def create(shop: Shop, receipt: str = "nv_1", amount_paise: int = 9900):
    return shop.gateway.create_order(
        receipt=receipt, amount_paise=amount_paise, notes={"order_id": "1"}
    )


class TestCreateOrder:
    def test_makes_an_order_of_the_amount(self, shop):
        order = create(shop)

        assert (order.receipt, order.amount_paise, order.currency) == ("nv_1", 9900, "INR")
        assert (order.status, order.amount_paid_paise) == ("created", 0)

    def test_gives_the_same_order_for_the_same_receipt(self, shop):
        assert create(shop) == create(shop)

    def test_refuses_another_amount_under_the_same_receipt(self, shop):
        create(shop)

        with pytest.raises(GatewayRejected):
            create(shop, amount_paise=9800)

    def test_refuses_less_than_one_rupee(self, shop):
        with pytest.raises(GatewayRejected):
            create(shop, amount_paise=99)


class TestFindOrder:
    def test_finds_by_receipt(self, shop):
        assert shop.gateway.find_order(receipt="nv_1") is None
        order = create(shop)
        create(shop, receipt="nv_2")

        assert shop.gateway.find_order(receipt="nv_1") == order


class TestPayments:
    def test_are_listed_with_their_order(self, shop):
        order = create(shop)
        assert shop.gateway.list_order_payments(order.id) == []
        payment_id, _ = shop.pay(order.id)

        (payment,) = shop.gateway.list_order_payments(order.id)

        assert payment == shop.gateway.get_payment(payment_id)
        assert (payment.order_id, payment.amount_paise) == (order.id, 9900)
        assert (payment.status, payment.is_captured) == ("captured", True)

    def test_come_with_a_signature_of_their_order(self, shop):
        order = create(shop)
        payment_id, signature = shop.pay(order.id)

        def authentic(order_id: str) -> bool:
            return checkout_is_authentic(
                gateway_order_id=order_id,
                gateway_payment_id=payment_id,
                signature=signature,
                key_secret=shop.key_secret,
            )

        assert authentic(order.id)
        assert not authentic("order_AAAAAAAAAAAAAA")

    def test_unknown_ones_are_rejected(self, shop):
        with pytest.raises(GatewayRejected):
            shop.gateway.get_payment("pay_AAAAAAAAAAAAAA")

    def test_ids_of_another_form_are_rejected(self, shop):
        with pytest.raises(GatewayRejected):
            shop.gateway.get_payment("../orders")


class TestCapture:
    def test_takes_authorised_money(self, shop):
        payment_id = shop.authorize(9900)
        assert shop.gateway.get_payment(payment_id).status == "authorized"

        payment = shop.gateway.capture_payment(payment_id, amount_paise=9900)

        assert (payment.status, payment.is_captured) == ("captured", True)

    def test_of_what_is_captured_already_is_a_success(self, shop):
        payment_id = shop.authorize(9900)
        shop.gateway.capture_payment(payment_id, amount_paise=9900)

        assert shop.gateway.capture_payment(payment_id, amount_paise=9900).status == "captured"

    def test_of_another_amount_is_rejected(self, shop):
        payment_id = shop.authorize(9900)

        with pytest.raises(GatewayRejected):
            shop.gateway.capture_payment(payment_id, amount_paise=9000)
        assert shop.gateway.get_payment(payment_id).status == "authorized"


class TestRefund:
    def refund(self, shop: Shop, payment_id: str, amount_paise: int, key: str = "refund-key-1"):
        return shop.gateway.refund_payment(
            payment_id, amount_paise=amount_paise, idempotency_key=key
        )

    def test_gives_back_a_part(self, shop):
        payment_id, _ = shop.pay(create(shop).id)

        refund = self.refund(shop, payment_id, 4000)

        assert (refund.payment_id, refund.amount_paise) == (payment_id, 4000)
        assert (refund.status, refund.receipt) == ("processed", "refund-key-1")
        assert shop.gateway.get_payment(payment_id).refunded_paise == 4000

    def test_is_made_once_for_one_key(self, shop):
        payment_id, _ = shop.pay(create(shop).id)

        assert self.refund(shop, payment_id, 4000) == self.refund(shop, payment_id, 4000)
        assert len(shop.gateway.list_refunds(payment_id)) == 1

    def test_with_a_used_key_and_another_amount_is_rejected(self, shop):
        payment_id, _ = shop.pay(create(shop).id)
        self.refund(shop, payment_id, 4000)

        with pytest.raises(GatewayRejected):
            self.refund(shop, payment_id, 4100)
        assert len(shop.gateway.list_refunds(payment_id)) == 1

    def test_never_exceeds_the_capture(self, shop):
        payment_id, _ = shop.pay(create(shop).id)
        self.refund(shop, payment_id, 9000)

        with pytest.raises(GatewayRejected):
            self.refund(shop, payment_id, 1000, key="refund-key-2")

    def test_of_all_marks_the_payment_as_refunded(self, shop):
        payment_id, _ = shop.pay(create(shop).id)

        self.refund(shop, payment_id, 9900)

        payment = shop.gateway.get_payment(payment_id)
        assert (payment.status, payment.is_captured) == ("refunded", True)

    def test_of_uncaptured_money_is_rejected(self, shop):
        with pytest.raises(GatewayRejected):
            self.refund(shop, shop.authorize(9900), 9900)


# What only the network can do wrong


@contextmanager
def answering(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    """A server that gives every request the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 the names that http.server calls

        def log_message(self, *args: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent(*, resets: bool = False) -> Iterator[str]:
    """Accepts connections and says nothing, or hangs up at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepted = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.recv(65536)
                if resets:
                    connection.close()
                else:
                    accepted.append(connection)

        thread = Thread(target=accept)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in accepted:
            connection.close()


def error(code: str, description: str) -> bytes:
    return json.dumps({"error": {"code": code, "description": description}}).encode()


def read(gateway: Gateway) -> object:
    return gateway.get_payment("pay_AAAAAAAAAAAAAA")


def write(gateway: Gateway) -> object:
    return gateway.create_order(receipt="nv_1", amount_paise=100, notes={})


# Razorpay's own words; they alone tell the two apart.
STILL_RUNNING = "Another request with the same idempotency key is still in progress."
OTHER_BODY = "Different request with the same idempotency key has already been processed."


class TestTheAdapterUnderFaults:
    @pytest.mark.parametrize(
        ("status", "body", "kind"),
        [
            (500, error("SERVER_ERROR", "oops"), "application/json"),
            (502, b"<html>Bad Gateway</html>", "text/html"),
            (200, b"<html>Maintenance</html>", "text/html"),
            (500, b'{"error": "a string"}', "application/json"),
        ],
    )
    def test_a_broken_answer_leaves_a_write_unknown_and_a_read_for_later(self, status, body, kind):
        with answering(status, body, kind) as url:
            with pytest.raises(GatewayUnavailable):
                read(_adapter_for(url))
            with pytest.raises(GatewayOutcomeUnknown):
                write(_adapter_for(url))

    @pytest.mark.parametrize("act", [read, write])
    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [
            (429, error("BAD_REQUEST_ERROR", "Too many requests"), GatewayUnavailable),
            (401, error("BAD_REQUEST_ERROR", "Authentication failed"), GatewayRejected),
            (400, error("BAD_REQUEST_ERROR", "Wrong"), GatewayRejected),
            (404, error("BAD_REQUEST_ERROR", "No such URL"), GatewayRejected),
            (301, b"{}", GatewayRejected),
            (409, error("BAD_REQUEST_ERROR", STILL_RUNNING), GatewayUnavailable),
            (409, error("BAD_REQUEST_ERROR", OTHER_BODY), GatewayRejected),
            (400, error("GATEWAY_ERROR", "The bank declined"), GatewayDeclined),
        ],
    )
    def test_tells_refusals_apart(self, act, status, body, expected):
        with answering(status, body) as url, pytest.raises(expected) as refusal:
            act(_adapter_for(url))

        assert type(refusal.value) is expected

    def test_nobody_listening_means_that_nothing_happened(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}"

        with pytest.raises(GatewayUnavailable):
            write(_adapter_for(url))

    def test_silence_ends_in_time(self, monkeypatch):
        monkeypatch.setattr(adapter, "TIMEOUT_S", 0.3)
        with silent() as url:
            started = time.monotonic()
            with pytest.raises(GatewayOutcomeUnknown):
                write(_adapter_for(url))
            with pytest.raises(GatewayUnavailable):
                read(_adapter_for(url))

        assert time.monotonic() - started < 2

    def test_a_reset_connection_leaves_a_write_unknown(self):
        with silent(resets=True) as url, pytest.raises(GatewayOutcomeUnknown):
            write(_adapter_for(url))

    def test_an_answer_that_is_no_order_leaves_it_unknown(self):
        with answering(200, b'{"id": "order_1"}') as url, pytest.raises(GatewayOutcomeUnknown):
            write(_adapter_for(url))

    def test_says_nothing_on_stdout(self, capsys):
        with answering(500, b"") as url, pytest.raises(GatewayOutcomeUnknown):
            write(_adapter_for(url))

        assert capsys.readouterr().out == ""

    def test_time_outs_are_two_and_five_seconds(self):
        assert (adapter.CONNECT_TIMEOUT_S, adapter.TIMEOUT_S) == (2.0, 5.0)

    def test_verifies_against_a_current_bundle_and_keeps_a_client_a_thread(self):
        gateway = _adapter_for("http://127.0.0.1:1")
        clients = [gateway._client, gateway._client]
        thread = Thread(target=lambda: clients.append(gateway._client))
        thread.start()
        thread.join()

        assert clients[0] is clients[1]
        assert clients[0] is not clients[2]
        assert clients[0].cert_path == adapter.certifi.where()
