"""Five hundred invoices by twenty threads: no number twice, none left out."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from notes.tests.factories import make_note
from payments.invoices import issuing
from payments.invoices.issuing import issue_credit_note, issue_invoice
from payments.models import Invoice, InvoiceSeries, Order, OrderItem
from payments.tests.factories import refund_lines, sell
from payments.tests.test_invoices import tell

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 20


def in_threads(act, rows, count=THREADS):
    together = threading.Barrier(count)

    def act_alone(row):
        try:
            return act(row)
        finally:
            connection.close()  # the pool has fewer than there are threads

    def run(number):
        together.wait(timeout=60)
        return [act_alone(row) for row in rows[number::count]]

    with ThreadPoolExecutor(count) as pool:
        return [result for results in pool.map(run, range(count)) for result in results]


def paid_orders(buyer, note, count, now):
    """Sold for ₹99 each; written at once, since their making is not what is tested."""
    orders = Order.objects.bulk_create(
        [
            Order(
                buyer=buyer,
                state="paid",
                subtotal_paise=9900,
                discount_paise=0,
                total_paise=9900,
                created_at=now,
                expires_at=now,
                paid_at=now,
            )
            for _ in range(count)
        ]
    )
    OrderItem.objects.bulk_create(
        [
            OrderItem(
                order=order,
                note=note,
                buyer=buyer,
                seller=note.seller,
                title=note.title,
                price_paise=9900,
                discount_paise=0,
                paid_paise=9900,
                commission_bps=1500,
                commission_paise=1485,
                seller_share_paise=8415,
                tax_paise=226,
                is_open=False,
                outcome="granted",
                release_at=now,
            )
            for order in orders
        ]
    )
    return orders


def serials():
    return sorted(Invoice.objects.values_list("serial", flat=True))


class TestFiveHundredInvoices:
    def test_by_twenty_threads_have_no_gap_and_no_double(self, buyer, note, now):
        orders = paid_orders(buyer, note, 500, now)

        in_threads(lambda order: issue_invoice(order_id=order.pk, now=now), orders)

        assert serials() == list(range(1, 501))
        assert InvoiceSeries.objects.get().last == 500
        assert Invoice.objects.values("number").distinct().count() == 500

    def test_have_none_either_when_every_third_is_rolled_back_in_the_middle(
        self, buyer, note, now, monkeypatch
    ):
        orders = paid_orders(buyer, note, 500, now)
        unlucky = {order.pk for order in orders[::3]}
        seal = issuing.seal

        def fail_once(invoice):
            """After the counter is raised, before the document is written."""
            if invoice.order_id in unlucky:
                unlucky.discard(invoice.order_id)
                raise RuntimeError("died in the middle")
            return seal(invoice)

        monkeypatch.setattr(issuing, "seal", fail_once)

        def issue(order):
            try:
                issue_invoice(order_id=order.pk, now=now)
            except RuntimeError:
                return "rolled back"
            return "issued"

        outcomes = in_threads(issue, orders)

        made = outcomes.count("issued")
        assert (made, len(outcomes)) == (333, 500)
        assert serials() == list(range(1, made + 1))
        assert InvoiceSeries.objects.get().last == made
        in_threads(issue, orders)
        assert serials() == list(range(1, 501))


class TestOneOrder:
    def test_asked_for_by_many_at_once_has_one_invoice(self, buyer, note, now):
        (order,) = paid_orders(buyer, note, 1, now)

        made = in_threads(lambda _: issue_invoice(order_id=order.pk, now=now).number, [0] * 40)

        assert set(made) == {"NV2627/000001"}
        assert InvoiceSeries.objects.get().last == 1

    def test_refunded_has_one_credit_note_whoever_comes_first(
        self, buyer, note, gateway, now, run_jobs
    ):
        order = sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
        refund = refund_lines(order=order, lines={order.items.get().pk: 9900}, now=now)
        tell(refund, "processed", now)

        def act(number):
            if number % 2:
                issue_invoice(order_id=order.pk, now=now)
                return "invoice"
            return issue_credit_note(refund_id=refund.pk, now=now).number

        made = in_threads(act, list(range(40)))

        assert set(made) == {"invoice", "NC2627/000001"}
        assert sorted(Invoice.objects.values_list("number", flat=True)) == [
            "NC2627/000001",
            "NV2627/000001",
        ]


class TestARolledBackTransaction:
    def test_gives_its_number_to_the_next(self, buyer, seller, now):
        first, second = paid_orders(buyer, make_note(seller=seller), 2, now)
        issue = partial(issue_invoice.__wrapped__, now=now)
        with pytest.raises(RuntimeError), transaction.atomic():
            assert issue(order_id=first.pk).serial == 1
            raise RuntimeError

        made = issue_invoice(order_id=second.pk, now=now)

        assert made.number == "NV2627/000001"
        assert Invoice.objects.count() == 1
