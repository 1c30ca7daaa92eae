"""Magic UPI ids and amounts, and the page that lists them with all other faults."""

import html
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import razorpay
import requests

from payments.sandbox import aftermath
from payments.sandbox.fault_help import ACTIONS, API_FAULTS, WEBHOOK_FAULTS
from payments.sandbox.faults import API_KINDS, DEFAULT_SECONDS, WEBHOOK_KINDS
from payments.sandbox.magic import FAULTS_BY_AMOUNT, MAGIC_VPAS
from payments.sandbox.server import RunningSandbox, running_sandbox
from payments.tests.merchant_endpoint import wait_for
from payments.tests.sandbox_access import AUTH, KEYS, client_of, order_request, plain_session


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(**KEYS) as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with plain_session() as session:
        session.auth = AUTH
        yield session


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[razorpay.Client]:
    with client_of(sandbox) as made:
        yield made


@pytest.fixture
def order(client: razorpay.Client) -> dict[str, Any]:
    return client.order.create(order_request())


def payments_of(client: razorpay.Client, order: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Status, amount and currency of an order's payments, oldest first."""
    found = client.order.payments(order["id"])["items"]
    return [(item["status"], item["amount"], item["currency"]) for item in reversed(found)]


class TestMagicUpiId:
    def test_late_fails_and_is_authorised_later(self, sandbox, client, order, monkeypatch):
        monkeypatch.setattr(aftermath, "LATE_BY_SECONDS", 0.2)

        refusal = sandbox.pay(order["id"], vpa="late@razorpay")

        assert refusal["error"]["reason"] == "payment_failed"
        assert payments_of(client, order) == [("failed", 50_000, "INR")]
        wait_for(lambda: payments_of(client, order) == [("captured", 50_000, "INR")])
        assert client.order.fetch(order["id"])["status"] == "paid"

    def test_manual_is_authorised_and_waits_for_the_merchant(self, sandbox, client, order):
        payment_id = sandbox.pay(order["id"], vpa="manual@razorpay")["razorpay_payment_id"]

        assert payments_of(client, order) == [("authorized", 50_000, "INR")]
        client.payment.capture(payment_id, 50_000, {"currency": "INR"})
        assert payments_of(client, order) == [("captured", 50_000, "INR")]

    def test_twice_leaves_two_captured_payments(self, sandbox, client, order):
        sandbox.pay(order["id"], vpa="twice@razorpay")

        assert payments_of(client, order) == [("captured", 50_000, "INR")] * 2

    def test_refunded_is_refunded_by_hand(self, sandbox, client, order):
        payment_id = sandbox.pay(order["id"], vpa="refunded@razorpay")["razorpay_payment_id"]

        (refund,) = client.payment.fetch_multiple_refund(payment_id)["items"]
        assert (refund["amount"], refund["receipt"]) == (50_000, None)
        assert payments_of(client, order) == [("refunded", 50_000, "INR")]

    def test_disputed_is_disputed(self, sandbox, client, order):
        payment_id = sandbox.pay(order["id"], vpa="disputed@razorpay")["razorpay_payment_id"]

        newest = client.dispute.all()["items"][0]
        assert (newest["payment_id"], newest["amount"], newest["status"]) == (
            payment_id,
            50_000,
            "open",
        )
        assert payments_of(client, order) == [("captured", 50_000, "INR")]

    def test_wrongamount_is_captured_for_one_rupee_less(self, sandbox, client, order):
        sandbox.pay(order["id"], vpa="wrongamount@razorpay")

        assert payments_of(client, order) == [("captured", 49_900, "INR")]
        found = client.order.fetch(order["id"])
        assert (found["status"], found["amount_paid"], found["amount_due"]) == ("paid", 49_900, 100)

    def test_dollars_is_captured_in_usd(self, sandbox, client, order):
        sandbox.pay(order["id"], vpa="dollars@razorpay")

        assert payments_of(client, order) == [("captured", 50_000, "USD")]

    def test_of_a_declined_payment_does_nothing_more(self, sandbox, client, order):
        sandbox.pay(order["id"], vpa="twice@razorpay", outcome="failure")

        assert payments_of(client, order) == [("failed", 50_000, "INR")]

    def test_stands_on_the_checkout_page(self, sandbox, http, order):
        page = http.get(f"{sandbox.url}/checkout/{order['id']}").text

        assert [vpa for vpa in MAGIC_VPAS if vpa not in page] == []


class TestMagicAmount:
    @pytest.mark.parametrize(("amount", "status"), [(900429, 429), (900500, 500), (900502, 502)])
    def test_is_refused_once_per_receipt(self, sandbox, client, http, amount, status):
        request = {"amount": amount, "currency": "INR", "receipt": f"R-{amount}"}

        answers = [http.post(f"{sandbox.url}/v1/orders", json=request) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [status, 200]
        assert client.order.all({"receipt": f"R-{amount}"})["count"] == 1

    @pytest.mark.parametrize(("amount", "orders"), [(900001, 0), (900002, 1)])
    def test_resets_the_connection_before_or_after_the_work(
        self, sandbox, client, http, amount, orders
    ):
        request = {"amount": amount, "currency": "INR", "receipt": f"R-{amount}"}

        with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
            http.post(f"{sandbox.url}/v1/orders", json=request)

        assert client.order.all({"receipt": f"R-{amount}"})["count"] == orders

    @pytest.mark.parametrize(("amount", "orders"), [(900030, 0), (900003, 1)])
    def test_is_met_with_silence_before_or_after_the_work(
        self, sandbox, client, http, monkeypatch, amount, orders
    ):
        monkeypatch.setitem(DEFAULT_SECONDS, FAULTS_BY_AMOUNT[amount], 0.1)
        request = {"amount": amount, "currency": "INR", "receipt": f"R-{amount}"}

        with pytest.raises(requests.ConnectionError, match="RemoteDisconnected"):
            http.post(f"{sandbox.url}/v1/orders", json=request)

        assert client.order.all({"receipt": f"R-{amount}"})["count"] == orders

    def test_without_a_receipt_is_refused_each_time(self, sandbox, http):
        request = {"amount": 900500, "currency": "INR"}

        answers = [http.post(f"{sandbox.url}/v1/orders", json=request) for _ in range(2)]

        assert [answer.status_code for answer in answers] == [500, 500]


class TestHelpPage:
    def test_lists_every_kind_action_and_magic_value(self, sandbox, http):
        page = http.get(f"{sandbox.url}/help/faults", auth=("", "")).text

        names = [*API_KINDS, *WEBHOOK_KINDS, *MAGIC_VPAS, *map(str, FAULTS_BY_AMOUNT)]
        names += [f"POST {path}" for path, *_ in ACTIONS]
        assert [name for name in names if f"<h3><code>{name}</code></h3>" not in page] == []
        assert (set(API_FAULTS), set(WEBHOOK_FAULTS)) == (set(API_KINDS), set(WEBHOOK_KINDS))

    def test_has_lines_that_work_when_they_are_copied(self, http):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            order = client.order.create(order_request())["id"]
            failed = sandbox.pay(order, vpa="failure@razorpay")["error"]["metadata"]["payment_id"]
            paid = sandbox.pay(order)["razorpay_payment_id"]
            refund = client.payment.refund(paid, {"amount": 1000})["id"]
            dispute = sandbox.act(f"/payments/{paid}/dispute")["id"]
            lines = lines_of(http.get(f"{sandbox.url}/help/faults").text)

            armed = {kind: run(http, lines[kind]) for kind in API_KINDS + WEBHOOK_KINDS}
            sandbox.app.faults.clear()
            done = {
                path: run(
                    http,
                    lines[f"POST {path}"],
                    ORDER=order,
                    PAYMENT=failed if "authorize" in path else paid,
                    REFUND=refund,
                    DISPUTE=dispute,
                )
                for path, *_ in ACTIONS
            }

        assert {kind for kind, status in armed.items() if status != 201} == set()
        assert {path for path, status in done.items() if status != 200} == set()

    def test_shows_what_is_armed_and_how_often_it_fired(self, http):
        with running_sandbox(**KEYS) as sandbox, client_of(sandbox) as client:
            empty = http.get(f"{sandbox.url}/help/faults").text
            fault = sandbox.arm("slow", where="list_orders", seconds=0, times=0, match="<b>")
            client.order.all({"receipt": "<b>"})

            page = http.get(f"{sandbox.url}/help/faults").text
            index = http.get(f"{sandbox.url}/").text

        assert "No fault is armed." in empty
        row = re.search(rf"<tr>.*{fault['id']}.*</tr>", page).group()
        assert re.findall(r"<td>(.*?)</td>", row)[1:] == [
            "slow",
            "list_orders",
            "1",
            "until removed",
            "0",
            "&lt;b&gt;",
        ]
        assert 'href="/help/faults"' in index
        assert "1 has been armed." in index


def lines_of(page: str) -> dict[str, str]:
    """The line to copy under each heading."""
    found = re.findall(r"<h3><code>(.*?)</code></h3>\n<p>.*?</p>\n<pre>(.*?)</pre>", page)
    return {html.unescape(name): html.unescape(line) for name, line in found}


def run(http: requests.Session, line: str, **variables: str) -> int:
    """The status that curl would get with a line of the page."""
    for name, value in variables.items():
        line = line.replace(f"${name}", value)
    words = shlex.split(line)
    url = next(word for word in words if word.startswith("http"))
    body = words[words.index("-d") + 1] if "-d" in words else None
    return http.post(url, data=body).status_code
