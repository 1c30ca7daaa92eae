"""The promises about documents hold for what the code does, and name the row that breaks one."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F

from payments.invariants import documents, findings
from payments.models import Dispute, Invoice, Reversal
from payments.tests.factories import refund_lines, sell
from payments.tests.test_invoices import tell

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = ("payments_invoice", "payments_invoiceseries")


def sql(statement):
    """By plain SQL, with the triggers out of the way."""
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def sold(buyer, note, gateway, now, run_jobs):
    """An order that was invoiced, and half of it refunded and credited."""
    order = sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
    refund = refund_lines(order=order, lines={order.items.get().pk: 5000}, now=now)
    tell(refund, "processed", now)
    run_jobs()
    return order


def broken():
    return {check.about: [row.row_id for row in findings(check)] for check in documents.CHECKS}


class TestPromises:
    def test_hold_for_a_sale_and_a_refund(self, sold):
        assert Invoice.objects.count() == 2
        assert not any(broken().values())

    def test_hold_while_a_job_answers_for_what_is_not_issued(
        self, buyer, note, gateway, now, run_jobs
    ):
        order = sell(buyer=buyer, notes=[note], gateway=gateway, now=now)
        refund = refund_lines(order=order, lines={order.items.get().pk: 5000}, now=now)
        tell(refund, "processed", now)

        assert Invoice.objects.count() == 0
        assert not any(broken().values())


def leave_out_a_number(sold):
    sql("UPDATE payments_invoiceseries SET last = last + 1 WHERE prefix = 'NV'")


def lose_a_document(sold):
    sql("DELETE FROM payments_invoice WHERE kind = 'credit_note'")


def move_a_serial(sold):
    sql("UPDATE payments_invoice SET serial = 7 WHERE kind = 'invoice'")


def lose_every_document(sold):
    sql("DELETE FROM payments_invoice")


def credit_too_little(sold):
    Reversal.objects.update(amount_paise=5001, seller_share_paise=F("seller_share_paise") + 1)


def credit_what_no_line_gave(sold):
    Reversal.objects.update(undone_at=sold.paid_at)


def lose_a_dispute_without_a_word(sold):
    item = sold.items.get()
    dispute = Dispute.objects.create(
        payment=sold.payments.get(),
        gateway_dispute_id="disp_0001",
        state="lost",
        amount_paise=1000,
        held_paise=1000,
        created_at=sold.paid_at,
    )
    Reversal.objects.create(
        item=item,
        dispute=dispute,
        amount_paise=1000,
        seller_share_paise=1000,
        commission_paise=0,
        tax_paise=0,
        created_at=sold.paid_at,
    )


BREAKS = [
    (leave_out_a_number, "The documents of a financial year have no gap and no double"),
    (lose_a_document, "The documents of a financial year have no gap and no double"),
    (move_a_serial, "The documents of a financial year have no gap and no double"),
    (
        lose_every_document,
        "Every order that sold something has its invoice, or a job or dead letter",
    ),
    (lose_a_document, "What a refund took from lines is credited"),
    (credit_too_little, "What a refund took from lines is credited"),
    (credit_what_no_line_gave, "What a refund took from lines is credited"),
    (lose_a_dispute_without_a_word, "What a lost dispute took from lines is credited"),
]


class TestABrokenPromise:
    @pytest.mark.parametrize(("damage", "about"), BREAKS)
    def test_is_found_and_its_row_named(self, damage, about, sold):
        damage(sold)

        assert len(broken()[about]) == 1

    def test_can_be_found_by_every_check(self):
        assert {about for _, about in BREAKS} == {check.about for check in documents.CHECKS}
