"""The gateway's contract for disputes, on the twin in memory and on the SDK over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.gateways import razorpay as adapter
from payments.gateways.base import Gateway, GatewayOutcomeUnknown, GatewayRejected
from payments.gateways.memory import MemoryGateway
from payments.sandbox.server import running_sandbox
from payments.tests.sandbox_access import KEYS
from payments.tests.test_gateway_lists import adapter_for, listing

# Every call asks the circuit breaker's row first.
pytestmark = pytest.mark.django_db

AN_HOUR = timedelta(hours=1)


@dataclass
class Shop:
    """A gateway and a payer: `dispute(amount)` gives an id, `lose(id, amount)` decides it."""

    gateway: Gateway
    payment_id: str
    dispute: Callable[[int], str]
    lose: Callable[[str, int], Any]


@pytest.fixture(params=["memory", "sandbox"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    if request.param == "memory":
        twin = MemoryGateway()
        order = twin.create_order(receipt="nv_1", amount_paise=9900, notes={})
        payment_id = twin.pay(order.id).id
        yield Shop(
            twin,
            payment_id,
            lambda amount: twin.dispute(payment_id, amount_paise=amount).id,
            lambda dispute_id, amount: twin.move_dispute(dispute_id, "lost", deducted_paise=amount),
        )
        return
    with running_sandbox(**KEYS) as sandbox:
        gateway = adapter_for(sandbox.url)
        order = gateway.create_order(receipt="nv_1", amount_paise=9900, notes={})
        paid = sandbox.pay(order.id)["razorpay_payment_id"]
        yield Shop(
            gateway,
            paid,
            lambda amount: sandbox.act(f"/payments/{paid}/dispute", amount=amount)["id"],
            lambda dispute_id, amount: sandbox.act(f"/disputes/{dispute_id}/lost", amount=amount),
        )


class TestGetDispute:
    def test_gives_the_dispute_as_it_is(self, shop):
        dispute_id = shop.dispute(5000)
        found = shop.gateway.get_dispute(dispute_id)

        assert (found.id, found.payment_id, found.status) == (dispute_id, shop.payment_id, "open")
        assert (found.amount_paise, found.deducted_paise, found.currency) == (5000, 0, "INR")
        assert found.phase == "chargeback"
        assert found.reason_code != ""
        assert found.respond_by - found.created_at == timedelta(days=7)

    def test_gives_what_was_deducted_of_a_lost_one(self, shop):
        dispute_id = shop.dispute(5000)

        shop.lose(dispute_id, 4000)

        found = shop.gateway.get_dispute(dispute_id)
        assert (found.status, found.amount_paise, found.deducted_paise) == ("lost", 5000, 4000)

    @pytest.mark.parametrize("unknown", ["disp_AAAAAAAAAAAAAA", "../payments", "pay_1", ""])
    def test_rejects_what_is_not_there(self, shop, unknown):
        with pytest.raises(GatewayRejected):
            shop.gateway.get_dispute(unknown)


class TestListDisputes:
    def test_gives_each_of_the_window_once(self, shop, monkeypatch):
        monkeypatch.setattr(adapter, "MAX_LIST", 2)
        made = [shop.dispute(1000) for _ in range(5)]
        now = timezone.now()

        listed = list(shop.gateway.list_disputes(start=now - AN_HOUR, end=now + AN_HOUR))

        assert sorted(dispute.id for dispute in listed) == sorted(made)
        assert listed[0] == shop.gateway.get_dispute(listed[0].id)

    def test_gives_none_of_another_time(self, shop):
        shop.dispute(1000)
        now = timezone.now()

        earlier = shop.gateway.list_disputes(start=now - 2 * AN_HOUR, end=now - AN_HOUR)

        assert list(earlier) == []


class TestListSettled:
    def test_shows_a_lost_dispute_as_an_adjustment(self, shop):
        dispute_id = shop.dispute(5000)
        shop.dispute(1000)
        shop.lose(dispute_id, 4000)

        settled = list(shop.gateway.list_settled(day=timezone.localdate()))

        (entry,) = [entry for entry in settled if entry.type == "adjustment"]
        assert (entry.dispute_id, entry.payment_id) == (dispute_id, shop.payment_id)
        assert entry.entity_id.startswith("adj_")
        assert (entry.credit_paise, entry.debit_paise, entry.fee_paise) == (0, 4000, 0)
        assert [entry.dispute_id for entry in settled if entry.type == "payment"] == [""]


class TestTheAdapter:
    ENTITY = {
        "id": "disp_AAAAAAAAAAAAAA",
        "payment_id": "pay_AAAAAAAAAAAAAA",
        "amount": 9900,
        "currency": "INR",
        "amount_deducted": None,
        "respond_by": None,
        "status": "open",
        "created_at": 1_700_000_000,
    }

    def test_does_without_what_a_dispute_may_lack(self):
        with listing(lambda query: self.ENTITY) as url:
            found = adapter_for(url).get_dispute("disp_AAAAAAAAAAAAAA")

        assert (found.deducted_paise, found.respond_by) == (0, None)
        assert (found.phase, found.reason_code) == ("", "")

    @pytest.mark.parametrize(
        "damage", [{"id": "disp_1"}, {"payment_id": None}, {"amount": -1}, {"created_at": None}]
    )
    def test_leaves_a_damaged_one_unknown(self, damage):
        with (
            listing(lambda query: {**self.ENTITY, **damage}) as url,
            pytest.raises(GatewayOutcomeUnknown),
        ):
            adapter_for(url).get_dispute("disp_AAAAAAAAAAAAAA")
