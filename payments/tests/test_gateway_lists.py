"""The gateway's lists, on the twin in memory and on Razorpay's SDK over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from payments.gateways import razorpay as adapter
from payments.gateways.base import (
    Gateway,
    GatewayOutcomeUnknown,
    GatewayRejected,
    GatewayUnavailable,
)
from payments.gateways.memory import MemoryGateway
from payments.gateways.razorpay import RazorpayGateway
from payments.sandbox.server import running_sandbox
from payments.tests.sandbox_access import KEYS

# Every call asks the circuit breaker's row first.
pytestmark = pytest.mark.django_db

AN_HOUR = timedelta(hours=1)


@dataclass
class Shop:
    """A gateway, and a payer whose `pay` gives the payment's id."""

    gateway: Gateway
    pay: Callable[[str], str]

    def sell(self, receipt: str) -> str:
        order = self.gateway.create_order(receipt=receipt, amount_paise=9900, notes={})
        return self.pay(order.id)


@pytest.fixture(params=["memory", "sandbox"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "memory":
        twin = MemoryGateway()
        yield Shop(twin, lambda order_id: twin.pay(order_id).id)
    else:
        with running_sandbox(**KEYS) as sandbox:
            yield Shop(
                adapter_for(sandbox.url),
                lambda order_id: sandbox.pay(order_id)["razorpay_payment_id"],
            )


def adapter_for(url: str) -> RazorpayGateway:
    return RazorpayGateway(base_url=url, key_id=KEYS["key_id"], key_secret=KEYS["key_secret"])


@pytest.fixture
def window() -> dict[str, datetime]:
    """An hour around now."""
    now = timezone.now()
    return {"start": now - AN_HOUR, "end": now + AN_HOUR}


@pytest.fixture
def day() -> date:
    return timezone.localdate()


class TestGetOrder:
    def test_gives_the_receipt(self, shop):
        order = shop.gateway.create_order(receipt="nv_1", amount_paise=9900, notes={})

        assert shop.gateway.get_order(order.id) == order

    @pytest.mark.parametrize("unknown", ["order_AAAAAAAAAAAAAA", "../payments", ""])
    def test_rejects_what_is_not_there(self, shop, unknown):
        with pytest.raises(GatewayRejected):
            shop.gateway.get_order(unknown)


class TestListPayments:
    def test_gives_each_of_the_window_once(self, shop, window, monkeypatch):
        monkeypatch.setattr(adapter, "MAX_LIST", 2)
        sold = [shop.sell(f"nv_{number}") for number in range(5)]

        listed = list(shop.gateway.list_payments(**window))

        assert sorted(payment.id for payment in listed) == sorted(sold)
        assert listed[0] == shop.gateway.get_payment(listed[0].id)

    def test_gives_none_of_another_time(self, shop, window):
        shop.sell("nv_1")
        earlier = {"start": window["start"] - AN_HOUR, "end": window["start"]}

        assert list(shop.gateway.list_payments(**earlier)) == []


class TestListRefundsBetween:
    def test_gives_each_of_the_window_once(self, shop, window, monkeypatch):
        monkeypatch.setattr(adapter, "MAX_LIST", 2)
        payment_id = shop.sell("nv_1")
        made = [
            shop.gateway.refund_payment(
                payment_id, amount_paise=1000, idempotency_key=f"refund-key-{number}"
            )
            for number in range(4)
        ]

        listed = list(shop.gateway.list_refunds_between(**window))

        assert {refund.id: refund for refund in listed} == {refund.id: refund for refund in made}
        assert len(listed) == 4

    def test_gives_none_of_another_time(self, shop, window):
        shop.gateway.refund_payment(
            shop.sell("nv_1"), amount_paise=1000, idempotency_key="refund-key-1"
        )
        later = {"start": window["end"], "end": window["end"] + AN_HOUR}

        assert list(shop.gateway.list_refunds_between(**later)) == []


class TestListSettled:
    def test_gives_payments_less_their_fee_and_refunds(self, shop, day, monkeypatch):
        monkeypatch.setattr(adapter, "MAX_SETTLED", 1)
        payment_id = shop.sell("nv_1")
        refund = shop.gateway.refund_payment(
            payment_id, amount_paise=4000, idempotency_key="refund-key-1"
        )

        paid, returned = sorted(shop.gateway.list_settled(day=day), key=lambda entry: entry.type)

        assert (paid.entity_id, paid.type, paid.payment_id) == (payment_id, "payment", "")
        assert (paid.amount_paise, paid.order_receipt) == (9900, "nv_1")
        assert (paid.credit_paise, paid.debit_paise) == (9900 - paid.fee_paise, 0)
        assert (returned.entity_id, returned.type) == (refund.id, "refund")
        assert returned.payment_id == payment_id
        assert (returned.credit_paise, returned.debit_paise) == (0, 4000)
        assert paid.settlement_id == returned.settlement_id != ""
        assert paid.utr == returned.utr != ""

    def test_gives_nothing_of_another_day(self, shop, day):
        shop.sell("nv_1")

        assert list(shop.gateway.list_settled(day=day - timedelta(days=1))) == []


# What only the network can do wrong


@contextmanager
def listing(answer: Callable[[dict[str, str]], Any]) -> Iterator[str]:
    """A server that answers every GET with `answer(its query)` as JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = {name: value[0] for name, value in parse_qs(urlsplit(self.path).query).items()}
            body = json.dumps(answer(query)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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


def entity(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"pay_{number:014}",
        "amount": 9900,
        "currency": "INR",
        "status": "captured",
        "captured": True,
        "created_at": 1_700_000_000,
    } | fields


def settled(**fields: Any) -> dict[str, Any]:
    return {
        "entity_id": "pay_00000000000001",
        "type": "payment",
        "amount": 9900,
        "fee": 234,
        "tax": 36,
        "credit": 9666,
        "debit": 0,
        "currency": "INR",
        "settled": True,
        "settled_at": 1_700_000_000,
        "settlement_id": "setl_1",
        "settlement_utr": "UTR1",
    } | fields


class TestTheAdaptersPages:
    def test_that_shift_under_its_feet_give_a_row_once(self, window, monkeypatch):
        monkeypatch.setattr(adapter, "MAX_LIST", 2)
        # A row is put in front after the first page, so that the second repeats payment 2.
        pages = {"0": [entity(1), entity(2)], "2": [entity(2, status="refunded"), entity(3)]}

        with listing(lambda query: {"items": pages.get(query["skip"], [])}) as url:
            listed = list(adapter_for(url).list_payments(**window))

        assert [payment.id[-1] for payment in listed] == ["1", "2", "3"]

    def test_ask_for_whole_seconds_of_a_window_without_its_end(self):
        asked: list[dict[str, str]] = []
        start = datetime(2026, 11, 23, 12, tzinfo=UTC)

        with listing(lambda query: asked.append(query) or {"items": []}) as url:
            list(adapter_for(url).list_payments(start=start, end=start + AN_HOUR))

        first = int(start.timestamp())
        assert asked == [{"from": str(first), "to": str(first + 3599), "count": "100", "skip": "0"}]

    def test_leave_out_what_is_not_settled_yet_but_no_second_settlement(self):
        lines = [
            settled(),
            settled(settlement_id="setl_2", settlement_utr="UTR2"),
            settled(entity_id="pay_00000000000002", settled=False, settled_at=None),
        ]

        with listing(lambda query: {"items": lines}) as url:
            listed = list(adapter_for(url).list_settled(day=date(2023, 11, 14)))

        assert [(entry.entity_id[-1], entry.utr) for entry in listed] == [
            ("1", "UTR1"),
            ("1", "UTR2"),
        ]

    def test_with_a_line_that_is_none_leave_it_unknown(self, day):
        with listing(lambda query: {"items": [settled(amount="99")]}) as url:
            pages = adapter_for(url).list_settled(day=day)

            with pytest.raises(GatewayOutcomeUnknown):
                list(pages)

    def test_of_a_gateway_that_is_down_are_for_later(self, window):
        with listing(lambda query: {}) as url:
            pass

        with pytest.raises(GatewayUnavailable):
            list(adapter_for(url).list_payments(**window))
