"""From captured money to access, whoever brings the news."""

from __future__ import annotations

import pytest

from notes.models import NoteAccess
from payments.checkout import start_checkout
from payments.models import Order, OrderMove, Payment, Refund
from payments.settlement import settle_payment

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(buyer, note, gateway, now):
    started = start_checkout(buyer_id=buyer.pk, note_ids=[note.pk], now=now)
    return Order.objects.get(pk=started.order_id)


class TestSettlePayment:
    def test_grants_access_once_captured(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)

        settle_payment(order_id=order.pk, payment=payment, source="verify", now=now)

        order.refresh_from_db()
        assert (order.state, order.paid_at) == ("paid", now)
        assert NoteAccess.objects.filter(buyer=order.buyer, revoked_at=None).count() == 1
        assert list(order.moves.order_by("id").values_list("old", "new")) == [
            ("created", "awaiting_payment"),
            ("awaiting_payment", "paid"),
        ]

    def test_changes_nothing_when_repeated(self, order, gateway, now):
        payment = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=payment, source="verify", now=now)

        settle_payment(order_id=order.pk, payment=payment, source="webhook", now=now)

        assert NoteAccess.objects.count() == 1
        assert Payment.objects.count() == 1
        assert OrderMove.objects.count() == 2
        assert Refund.objects.count() == 0
