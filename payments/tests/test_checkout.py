"""From a cart to an order that can be paid."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta

import pytest

from notes.models import NoteAccess
from notes.selectors import NoteNotFound
from notes.tests.factories import make_note
from notevault.kit import deadline
from notevault.kit.bulkhead import Bulkhead
from payments import cart, checkout, waiting
from payments.gateways.base import GatewayOutcomeUnknown, GatewayUnavailable
from payments.models import Order, OrderItem
from payments.settlement import settle_payment
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db


class TestStartCheckout:
    def test_makes_an_order_that_can_be_paid(self, buyer, seller, note, gateway, now):
        started = checkout.start_checkout(buyer_id=buyer.pk, note_ids=[note.pk], now=now)

        order = Order.objects.get(pk=started.order_id)
        assert started.is_new
        assert (order.state, order.total_paise) == ("awaiting_payment", 9900)
        assert order.expires_at == now + timedelta(minutes=30)
        at_gateway = gateway.find_order(receipt=order.receipt)
        assert (at_gateway.id, at_gateway.amount_paise) == (order.gateway_order_id, 9900)
        item = order.items.get()
        assert (item.commission_bps, item.commission_paise) == (1500, 1485)
        assert (item.seller_id, item.seller_share_paise) == (seller.pk, 8415)

    def test_gives_the_same_cart_the_same_order(self, buyer, note, gateway, now):
        first = make_order(buyer=buyer, notes=[note], now=now)

        again = checkout.start_checkout(buyer_id=buyer.pk, note_ids=[note.pk, note.pk], now=now)

        assert (again.order_id, again.is_new) == (first.pk, False)
        assert Order.objects.count() == 1

    def test_gives_another_buyer_an_order_of_his_own(self, buyer, stranger, note, gateway, now):
        first = make_order(buyer=buyer, notes=[note], now=now)

        assert make_order(buyer=stranger, notes=[note], now=now).pk != first.pk

    def test_refuses_a_note_of_another_open_order(self, buyer, seller, note, gateway, now):
        first = make_order(buyer=buyer, notes=[note], now=now)
        other = make_note(seller=seller)

        with pytest.raises(checkout.NoteInOpenOrder) as refusal:
            make_order(buyer=buyer, notes=[note, other], now=now)

        assert refusal.value.params == {"order_id": str(first.pk)}
        assert Order.objects.count() == 1

    def test_is_not_held_up_by_an_order_that_is_over(self, buyer, note, gateway, now):
        first = make_order(buyer=buyer, notes=[note], now=now)

        second = make_order(buyer=buyer, notes=[note], now=now + timedelta(minutes=31))

        first.refresh_from_db()
        assert (first.state, second.state) == ("expired", "awaiting_payment")

    def test_sells_a_free_note_without_the_gateway(self, buyer, seller, gateway, now):
        gateway.is_down = True
        free = make_note(seller=seller, price_paise=0)

        order = make_order(buyer=buyer, notes=[free], now=now)

        assert (order.state, order.total_paise, order.gateway_order_id) == ("paid", 0, None)
        assert NoteAccess.objects.filter(buyer=buyer, note=free).count() == 1

    def test_refuses_what_cannot_be_bought(self, buyer, seller, note, gateway, now):
        draft = make_note(seller=seller, state="draft")
        withdrawn = make_note(seller=seller, state="withdrawn", published_at=now)
        order = make_order(buyer=buyer, notes=[note], now=now)
        settle_payment(
            order_id=order.pk,
            payment=gateway.pay(order.gateway_order_id),
            source="test",
            now=now,
        )

        def refused(buyer_id, note_id):
            with pytest.raises(Exception) as refusal:
                checkout.start_checkout(buyer_id=buyer_id, note_ids=[note_id], now=now)
            return type(refusal.value)

        assert refused(buyer.pk, uuid.uuid4()) is NoteNotFound
        assert refused(buyer.pk, draft.pk) is NoteNotFound
        assert refused(buyer.pk, withdrawn.pk) is cart.NoteNotForSale
        assert refused(seller.pk, note.pk) is cart.OwnNote
        assert refused(buyer.pk, note.pk) is cart.NoteAlreadyOwned
        assert Order.objects.count() == 1

    def test_costs_the_same_for_ten_notes_as_for_two(
        self, buyer, seller, gateway, now, django_assert_max_num_queries
    ):
        notes = [make_note(seller=seller) for _ in range(10)]

        with django_assert_max_num_queries(22):
            make_order(buyer=buyer, notes=notes, now=now)


class TestAGatewayThatFails:
    def test_leaves_an_order_that_the_next_try_resumes(self, buyer, note, gateway, now):
        gateway.is_down = True
        with pytest.raises(GatewayUnavailable):
            make_order(buyer=buyer, notes=[note], now=now)
        assert Order.objects.get().state == "created"
        gateway.is_down = False

        order = make_order(buyer=buyer, notes=[note], now=now)

        assert (order.state, Order.objects.count()) == ("awaiting_payment", 1)

    def test_an_answer_that_was_lost_is_found_by_its_receipt(
        self, buyer, note, gateway, now, monkeypatch
    ):
        create = gateway.create_order

        def create_and_lose(**request):
            create(**request)
            raise GatewayOutcomeUnknown

        monkeypatch.setattr(gateway, "create_order", create_and_lose)
        with pytest.raises(GatewayOutcomeUnknown):
            make_order(buyer=buyer, notes=[note], now=now)

        order = make_order(buyer=buyer, notes=[note], now=now)

        assert order.gateway_order_id == gateway.find_order(receipt=order.receipt).id
        assert len(gateway._orders) == 1

    @pytest.fixture
    def taken(self, buyer, note, gateway, now):
        """An order whose gateway order someone else is creating."""
        gateway.is_down = True
        with pytest.raises(GatewayUnavailable):
            make_order(buyer=buyer, notes=[note], now=now)
        gateway.is_down = False
        order = Order.objects.get()
        checkout._claim(order_id=order.pk)
        return order

    @pytest.mark.usefixtures("taken")
    def test_a_claim_that_nobody_gives_back_is_waited_for_but_not_forever(
        self, buyer, note, now, monkeypatch
    ):
        monkeypatch.setattr(checkout, "WAIT_FOR_OTHERS_S", 0.2)

        with pytest.raises(checkout.CheckoutInProgress):
            make_order(buyer=buyer, notes=[note], now=now)

    @pytest.mark.usefixtures("taken")
    def test_is_waited_for_no_longer_than_the_request_may_take(self, buyer, note, now):
        started = time.monotonic()

        with deadline.within(0.3), pytest.raises(checkout.CheckoutInProgress):
            make_order(buyer=buyer, notes=[note], now=now)

        assert 0.3 <= time.monotonic() - started < 2

    @pytest.mark.usefixtures("taken")
    def test_is_not_waited_for_when_the_room_to_wait_in_is_full(
        self, buyer, note, now, monkeypatch
    ):
        monkeypatch.setattr(waiting, "share", Bulkhead(1))
        started = time.monotonic()

        with deadline.within(5), waiting.share.place(), pytest.raises(checkout.CheckoutInProgress):
            make_order(buyer=buyer, notes=[note], now=now)

        assert time.monotonic() - started < 1


class TestCancelOrder:
    def test_frees_its_notes(self, buyer, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)

        checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)
        checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)

        order.refresh_from_db()
        assert order.state == "cancelled"
        assert not OrderItem.objects.filter(is_open=True).exists()
        assert make_order(buyer=buyer, notes=[note], now=now).pk != order.pk

    def test_is_for_its_buyer_only(self, buyer, stranger, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)

        with pytest.raises(checkout.OrderNotFound):
            checkout.cancel_order(order_id=order.pk, buyer_id=stranger.pk, now=now)

        order.refresh_from_db()
        assert order.state == "awaiting_payment"

    def test_is_refused_once_paid(self, buyer, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)
        payment = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=payment, source="test", now=now)

        with pytest.raises(checkout.OrderNotCancellable):
            checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)


class TestExpireOrder:
    def test_asks_the_gateway_whether_it_was_paid_after_all(
        self, buyer, note, gateway, now, run_jobs
    ):
        order = make_order(buyer=buyer, notes=[note], now=now)
        gateway.pay(order.gateway_order_id)  # and neither webhook nor client told us

        checkout.expire_order(order_id=order.pk, now=now + timedelta(minutes=30))
        assert run_jobs()[0] == "payments.tasks.check_order"

        order.refresh_from_db()
        assert order.state == "paid"
        assert NoteAccess.objects.filter(buyer=buyer, note=note).count() == 1

    def test_asks_once_about_an_order_that_nobody_paid(self, buyer, note, gateway, now, run_jobs):
        order = make_order(buyer=buyer, notes=[note], now=now)
        gateway.pay(order.gateway_order_id, status="failed")

        checkout.expire_order(order_id=order.pk, now=now + timedelta(minutes=30))

        assert run_jobs() == ["payments.tasks.check_order"]
        assert run_jobs() == []

    def test_closes_what_is_over_and_nothing_else(self, buyer, stranger, note, gateway, now):
        overdue = make_order(buyer=buyer, notes=[note], now=now)
        fresh = make_order(buyer=stranger, notes=[note], now=now + timedelta(minutes=10))
        later = now + timedelta(minutes=30)

        closed = [checkout.expire_order(order_id=order.pk, now=later) for order in (overdue, fresh)]

        assert closed == [True, False]
        assert not checkout.expire_order(order_id=overdue.pk, now=later)
        overdue.refresh_from_db()
        fresh.refresh_from_db()
        assert (overdue.state, fresh.state) == ("expired", "awaiting_payment")
        assert not overdue.items.get().is_open
