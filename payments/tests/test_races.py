"""Many callers at once, on real transactions."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection

from notes.models import Note, NoteAccess
from notes.tests.factories import make_note
from notevault.kit import clock
from notevault.kit.errors import DomainError
from payments import checkout, verification
from payments.models import Order, Payment, Refund
from payments.settlement import settle_payment
from payments.tests.factories import make_order

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 200


def at_once(act, count=THREADS):
    """Run `act(number)` in threads that start together; a Counter of their results."""
    together = threading.Barrier(count)

    def run(number):
        together.wait(timeout=60)
        try:
            return act(number)
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(run, range(count)))


class TestTwoHundredThreadsBuyingOneNote:
    def buy(self, _number, *, buyer, note, sandbox):
        started = checkout.start_checkout(buyer_id=buyer.pk, note_ids=[note.pk], now=clock.now())
        order = Order.objects.get(pk=started.order_id)
        connection.close()  # a request to the sandbox holds no connection
        paid = sandbox.pay(order.gateway_order_id)
        if "error" in paid:
            return "refused by the gateway"
        verification.verify_payment(
            buyer_id=buyer.pk,
            gateway_order_id=paid["razorpay_order_id"],
            gateway_payment_id=paid["razorpay_payment_id"],
            signature=paid["razorpay_signature"],
            now=clock.now(),
        )
        return "bought"

    def test_end_in_one_access_and_one_paid_order(self, buyer, note, sandbox):
        results = at_once(partial(self.buy, buyer=buyer, note=note, sandbox=sandbox))

        assert results["bought"] == 1
        assert sum(results.values()) == THREADS
        assert set(results) <= {"bought", "refused by the gateway", "note_already_owned"}
        assert NoteAccess.objects.filter(buyer=buyer, note=note, revoked_at=None).count() == 1
        assert Order.objects.filter(state="paid").count() == 1
        assert Order.objects.count() == 1
        assert Payment.objects.filter(state="captured").count() == 1
        assert Refund.objects.count() == 0
        assert Note.objects.get(pk=note.pk).sales_count == 1


class TestOneOrderOpenedByMany:
    def test_has_one_order_at_the_gateway(self, buyer, note, gateway):
        def start(_number):
            return checkout.start_checkout(
                buyer_id=buyer.pk, note_ids=[note.pk], now=clock.now()
            ).order_id

        results = at_once(start, count=40)

        assert len(results) == 1
        assert len(gateway._orders) == 1


class TestAFreeNoteClickedTwice:
    def test_is_granted_by_one_order(self, buyer, seller, gateway):
        free = make_note(seller=seller, price_paise=0)

        def take(_number):
            checkout.start_checkout(buyer_id=buyer.pk, note_ids=[free.pk], now=clock.now())
            return "taken"

        results = at_once(take, count=20)

        assert results == {"taken": 1, "note_already_owned": 19}
        assert Order.objects.count() == 1
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1


class TestTwoPaymentsOfOneBuyer:
    def test_settled_at_once_give_one_access_and_one_refund(self, buyer, note, gateway, now):
        first = make_order(buyer=buyer, notes=[note], now=now)
        checkout.cancel_order(order_id=first.pk, buyer_id=buyer.pk, now=now)
        second = make_order(buyer=buyer, notes=[note], now=now)
        paid = {order.pk: gateway.pay(order.gateway_order_id) for order in (first, second)}

        def settle(number):
            order_id, payment = list(paid.items())[number % 2]
            settle_payment(order_id=order_id, payment=payment, source="race", now=now)
            return "settled"

        assert at_once(settle, count=20) == {"settled": 20}

        assert NoteAccess.objects.filter(revoked_at=None).count() == 1
        assert Order.objects.filter(state="paid").count() == 2
        assert [refund.amount_paise for refund in Refund.objects.all()] == [9900]
        assert Payment.objects.filter(given_back_paise=9900).count() == 1


class TestPaymentAndCancellation:
    def test_racing_keep_the_money_and_the_note_together(self, buyer, note, gateway, now):
        order = make_order(buyer=buyer, notes=[note], now=now)
        payment = gateway.pay(order.gateway_order_id)

        def act(number):
            if number % 2:
                checkout.cancel_order(order_id=order.pk, buyer_id=buyer.pk, now=now)
                return "cancelled"
            settle_payment(order_id=order.pk, payment=payment, source="race", now=now)
            return "settled"

        at_once(act, count=20)

        order.refresh_from_db()
        assert order.state == "paid"
        assert NoteAccess.objects.filter(revoked_at=None).count() == 1
