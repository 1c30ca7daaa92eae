"""What is issued, once, and what corrects it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from notes.tests.factories import make_note
from payments import reversals
from payments.billing import Billing
from payments.gateways.base import GatewayRefund
from payments.invariants import documents, findings
from payments.invoices.issuing import issue_credit_note, issue_debit_note, issue_invoice
from payments.models import Dispute, Invoice, InvoiceSeries, OrderItem
from payments.refunds import fail_refund, record_reply, take_in_refund
from payments.tests.disputing import Trouble
from payments.tests.factories import locked, make_order, refund_lines, sell

pytestmark = pytest.mark.django_db(transaction=True)

AMOUNTS = (
    "note_value_paise",
    "taxable_paise",
    "cgst_paise",
    "sgst_paise",
    "igst_paise",
    "total_paise",
)


def amounts(invoice):
    return tuple(getattr(invoice, name) for name in AMOUNTS)


@pytest.fixture
def order(buyer, note, gateway, now, run_jobs):
    """Sold for ₹99, fifteen hundredths of it commission; not invoiced yet."""
    return sell(buyer=buyer, notes=[note], gateway=gateway, now=now)


def give_back(order, paise, now, *, item=None):
    """A refund that the gateway has processed."""
    line = item or order.items.get()
    refund = refund_lines(order=order, lines={line.pk: paise}, now=now)
    tell(refund, "processed", now)
    return refund


def tell(refund, status, now):
    reply = GatewayRefund(
        id=f"rfnd_{refund.pk.hex[-14:]}",
        payment_id=refund.payment.gateway_payment_id,
        amount_paise=refund.amount_paise,
        currency="INR",
        status=status,
        receipt=refund.idempotency_key,
    )
    record_reply(refund_id=refund.pk, reply=reply, now=now)


class TestInvoice:
    def test_within_the_supplier_s_state_is_exact_to_the_paisa(self, order, now):
        invoice = issue_invoice(order_id=order.pk, now=now)

        assert (invoice.number, invoice.financial_year) == ("NV2627/000001", "2026-27")
        assert amounts(invoice) == (8415, 1259, 113, 113, 0, 9900)
        assert (invoice.place_of_supply, invoice.supplier_state) == ("KA", "KA")
        # No address of the buyer is on record: section 12(2)(b)(ii) of the IGST Act.
        assert (invoice.buyer_name, invoice.buyer_state) == (order.buyer.name, "")

    def test_into_another_state_bears_igst(self, buyer, note, gateway, now, run_jobs):
        order = sell(
            buyer=buyer, notes=[note], gateway=gateway, now=now, billing=Billing("Nina", "MH")
        )

        invoice = issue_invoice(order_id=order.pk, now=now)

        assert amounts(invoice) == (8415, 1259, 0, 0, 226, 9900)
        assert (invoice.buyer_name, invoice.place_of_supply) == ("Nina", "MH")

    def test_of_many_lines_has_each(self, buyer, seller, gateway, now, run_jobs):
        notes = [
            make_note(seller=seller, price_paise=price, page_count=pages)
            for price, pages in ((9900, 40), (20_001, 80), (100_000, 200))
        ]
        order = sell(buyer=buyer, notes=notes, gateway=gateway, now=now)

        invoice = issue_invoice(order_id=order.pk, now=now)

        assert [line["total_paise"] for line in invoice.lines] == [
            item.paid_paise for item in order.items.order_by("pk")
        ]
        assert invoice.total_paise == order.total_paise
        assert {line["rate_bps"] for line in invoice.lines} == {1800}

    def test_is_issued_by_the_job_of_the_settlement(self, order, run_jobs):
        assert "payments.tasks.issue_invoice" in run_jobs()
        assert Invoice.objects.get().order == order

    def test_is_issued_once(self, order, now):
        first = issue_invoice(order_id=order.pk, now=now)
        again = issue_invoice(order_id=order.pk, now=now + timedelta(days=300))

        assert first.pk == again.pk
        assert Invoice.objects.count() == InvoiceSeries.objects.get().last == 1

    def test_names_no_line_that_was_not_granted(self, buyer, seller, gateway, now, run_jobs):
        kept, withdrawn = make_note(seller=seller), make_note(seller=seller)
        order = make_order(buyer=buyer, notes=[kept, withdrawn], now=now)
        OrderItem.objects.filter(note=kept).update(release_at=now + timedelta(days=7))

        invoice = issue_invoice(order_id=order.pk, now=now)

        assert [line["note_id"] for line in invoice.lines] == [str(kept.pk)]
        assert invoice.total_paise == 9900

    def test_is_not_made_for_what_is_not_paid_or_cost_nothing(
        self, buyer, note, seller, gateway, now, run_jobs
    ):
        unpaid = make_order(buyer=buyer, notes=[note], now=now)
        free = make_order(buyer=buyer, notes=[make_note(seller=seller, price_paise=0)], now=now)

        assert issue_invoice(order_id=unpaid.pk, now=now) is None
        assert issue_invoice(order_id=free.pk, now=now) is None
        assert (Invoice.objects.count(), InvoiceSeries.objects.count()) == (0, 0)

    def test_begins_a_new_series_at_indian_midnight(self, buyer, seller, gateway, now, run_jobs):
        midnight = datetime(2027, 3, 31, 18, 30, tzinfo=UTC)
        orders = [
            sell(buyer=buyer, notes=[make_note(seller=seller)], gateway=gateway, now=now)
            for _ in range(3)
        ]
        moments = (now, midnight - timedelta(microseconds=1), midnight)

        numbers = [
            issue_invoice(order_id=order.pk, now=moment).number
            for order, moment in zip(orders, moments, strict=True)
        ]

        assert numbers == ["NV2627/000001", "NV2627/000002", "NV2728/000001"]


class TestCreditNote:
    def test_of_a_whole_line_is_the_invoice_again(self, order, now, run_jobs):
        refund = give_back(order, 9900, now)

        run_jobs()

        invoice, note = Invoice.objects.order_by("issued_at", "pk")
        assert (note.kind, note.number) == ("credit_note", "NC2627/000001")
        assert (note.corrects, note.reverses_id) == (invoice, refund.pk)
        assert amounts(note) == amounts(invoice) == (8415, 1259, 113, 113, 0, 9900)

    def test_of_parts_add_up_to_the_invoice(self, order, now, run_jobs):
        for paise in (3301, 3302, 3297):
            give_back(order, paise, now)
        run_jobs()

        notes = Invoice.objects.filter(kind="credit_note")
        assert [note.total_paise for note in notes.order_by("serial")] == [3301, 3302, 3297]
        together = tuple(sum(getattr(note, name) for note in notes) for name in AMOUNTS)
        assert together == (8415, 1259, 113, 113, 0, 9900)

    def test_is_issued_once_and_after_an_invoice_that_was_missing(self, order, now):
        refund = give_back(order, 5000, now)

        first = issue_credit_note(refund_id=refund.pk, now=now)
        again = issue_credit_note(refund_id=refund.pk, now=now)

        assert first.pk == again.pk
        assert first.corrects.number == "NV2627/000001"
        assert Invoice.objects.count() == 2

    def test_is_not_made_before_the_money_has_gone_back(self, order, now):
        refund = refund_lines(order=order, lines={order.items.get().pk: 9900}, now=now)

        assert issue_credit_note(refund_id=refund.pk, now=now) is None
        assert Invoice.objects.count() == 0

    def test_is_not_made_for_money_that_bought_nothing(self, order, gateway, now, run_jobs):
        from payments.settlement import settle_payment

        second = gateway.pay(order.gateway_order_id)
        settle_payment(order_id=order.pk, payment=second, source="test", now=now)

        ran = run_jobs()

        assert "payments.tasks.issue_credit_note" in ran
        assert [invoice.kind for invoice in Invoice.objects.all()] == ["invoice"]

    def test_of_a_lost_dispute_credits_what_was_held(self, order, now):
        with transaction.atomic():
            _order, payment = locked(order)
            dispute = Dispute.objects.create(
                payment=payment,
                gateway_dispute_id="disp_0001",
                amount_paise=9900,
                held_paise=9900,
                created_at=now,
            )
            lines = {order.items.get().pk: 9900}
            reversals.reverse_lines(lines=lines, dispute=dispute, now=now)
        while_open = issue_credit_note(dispute_id=dispute.pk, now=now)
        Dispute.objects.update(state="lost")

        note = issue_credit_note(dispute_id=dispute.pk, now=now)

        assert while_open is None
        assert (note.total_paise, note.reverses_id) == (9900, dispute.pk)


class TestCreditNoteOfALostDispute:
    @pytest.fixture
    def trouble(self, order, gateway, now, run_jobs):
        """The dispute has taken the whole price, and all of it is credited."""
        payment_id = order.payments.get().gateway_payment_id
        trouble = Trouble(gateway, payment_id=payment_id, now=now)
        heard = trouble.open()
        trouble.tell(heard)
        trouble.decide(heard, "lost")
        run_jobs()
        return trouble

    def documents(self):
        of_dispute = Invoice.objects.filter(reverses_id=Dispute.objects.get().pk)
        return list(of_dispute.order_by("pk").values_list("kind", "total_paise"))

    def test_is_written_anew_when_the_dispute_gives_way_to_a_refund(self, trouble, run_jobs):
        before = self.documents()

        trouble.refund_by_hand(4000)
        run_jobs()

        assert before == [("credit_note", 9900)]
        assert self.documents()[1:] == [("debit_note", 9900), ("credit_note", 5900)]
        assert not findings_of_documents()

    def test_is_debited_when_a_refund_takes_everything(self, trouble, run_jobs):
        trouble.refund_by_hand(9900)
        run_jobs()

        assert self.documents()[1:] == [("debit_note", 9900)]
        assert not findings_of_documents()

    def test_grows_again_when_the_bank_returns_the_refund(self, trouble, now, run_jobs):
        made = trouble.refund_by_hand(4000)
        run_jobs()

        failed = replace(made, status="failed")
        take_in_refund(reply=failed, source="test", now=now)
        run_jobs()

        assert self.documents()[3:] == [("debit_note", 5900), ("credit_note", 9900)]
        assert not findings_of_documents()

    def test_is_repeated_without_another(self, trouble, now):
        issue_credit_note(dispute_id=Dispute.objects.get().pk, now=now)

        assert self.documents() == [("credit_note", 9900)]


def findings_of_documents():
    return [found for check in documents.CHECKS for found in findings(check)]


class TestDebitNote:
    def test_undoes_the_credit_note_of_a_refund_that_failed_after_all(self, order, now, run_jobs):
        refund = give_back(order, 5000, now)
        run_jobs()
        fail_refund(refund_id=refund.pk, why="returned by the bank", now=now)

        assert "payments.tasks.issue_debit_note" in run_jobs()

        credit = Invoice.objects.get(kind="credit_note")
        debit = Invoice.objects.get(kind="debit_note")
        assert (debit.number, debit.corrects) == ("ND2627/000001", credit)
        assert amounts(debit) == amounts(credit)
        assert issue_debit_note(refund_id=refund.pk, now=now) == debit

    def test_is_not_made_where_nothing_was_credited(self, order, now, run_jobs):
        refund = give_back(order, 5000, now)
        fail_refund(refund_id=refund.pk, why="returned by the bank", now=now)

        run_jobs()

        assert [invoice.kind for invoice in Invoice.objects.all()] == ["invoice"]

    def test_is_followed_by_a_credit_note_when_the_refund_is_made_after_all(
        self, order, now, run_jobs
    ):
        refund = give_back(order, 5000, now)
        run_jobs()
        fail_refund(refund_id=refund.pk, why="returned by the bank", now=now)
        run_jobs()
        refund.refresh_from_db()
        tell(refund, "processed", now)
        run_jobs()

        documents = Invoice.objects.order_by("pk")
        assert [document.number for document in documents] == [
            "NV2627/000001",
            "NC2627/000001",
            "ND2627/000001",
            "NC2627/000002",
        ]
        assert documents.last().corrects.kind == "debit_note"


class TestTheDatabase:
    @pytest.fixture
    def invoice(self, order, now):
        return issue_invoice(order_id=order.pk, now=now)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE payments_invoice SET buyer_name = 'Somebody Else'",
            "UPDATE payments_invoice SET signature = 'x'",
            "DELETE FROM payments_invoice",
            "UPDATE payments_invoiceseries SET last = last + 2",
            "UPDATE payments_invoiceseries SET last = last - 1",
            "UPDATE payments_invoiceseries SET last = last + 1, prefix = 'XX'",
            "DELETE FROM payments_invoiceseries",
        ],
    )
    def test_refuses_every_change(self, invoice, statement):
        before = list(Invoice.objects.values()), list(InvoiceSeries.objects.values())

        with pytest.raises(IntegrityError, match="refused"), connection.cursor() as cursor:
            cursor.execute(statement)

        assert (list(Invoice.objects.values()), list(InvoiceSeries.objects.values())) == before

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"number": "nv2627/000002"}, "invoice_number_allowed"),
            ({"total_paise": 9901}, "invoice_adds_up"),
            ({"cgst_paise": 114, "sgst_paise": 112}, "invoice_tax_is_halved"),
            ({"igst_paise": 226, "total_paise": 10_126}, "invoice_tax_is_of_one_kind"),
            ({"kind": "credit_note"}, "invoice_note_corrects"),
            ({}, "one_invoice_per_order"),
            ({"serial": 1, "order": None}, "invoice_serial_once"),
        ],
    )
    def test_refuses_a_document_that_is_wrong(
        self, invoice, changes, constraint, buyer, seller, gateway, now
    ):
        if "order" in changes:
            another = make_note(seller=seller)
            changes = {**changes, "order": make_order(buyer=buyer, notes=[another], now=now)}
        columns = {field.attname: getattr(invoice, field.attname) for field in Invoice._meta.fields}
        wrong = {**columns, "id": None, "number": "NV2627/000002", "serial": 2, **changes}
        del wrong["id"]
        if "order" in wrong:
            del wrong["order_id"]

        with pytest.raises(IntegrityError, match=constraint):
            Invoice.objects.create(**wrong)
