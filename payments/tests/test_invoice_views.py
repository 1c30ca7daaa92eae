"""Documents as their buyer, staff and whoever scans their code get them."""

from __future__ import annotations

import io
from urllib.parse import urlsplit
from uuid import uuid4

import pikepdf
import pypdfium2 as pdfium
import pytest
import zxingcpp
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.urls import reverse

from notes.tests.factories import make_note
from notevault.accounts.tests.factories import make_user
from payments.billing import Billing
from payments.invoices.issuing import issue_credit_note, issue_invoice
from payments.invoices.paper import render_pdf
from payments.models import Invoice, Order
from payments.refunds import fail_refund
from payments.tests.factories import make_order, refund_lines, sell
from payments.tests.test_invoices import tell

pytestmark = pytest.mark.django_db(transaction=True)

NINA = Billing("Nina Kapoor", "MH")
TITLE = "Physics <b>I</b> & भौतिक विज्ञान"


@pytest.fixture
def order(buyer, seller, gateway, now, run_jobs):
    note = make_note(seller=seller, title=TITLE)
    return sell(buyer=buyer, notes=[note], gateway=gateway, now=now, billing=NINA)


@pytest.fixture
def invoice(order, now):
    return issue_invoice(order_id=order.pk, now=now)


@pytest.fixture
def refund(order, now):
    refund = refund_lines(order=order, lines={order.items.get().pk: 5000}, now=now)
    tell(refund, "processed", now)
    return refund


@pytest.fixture
def credit_note(invoice, refund, now):
    return issue_credit_note(refund_id=refund.pk, now=now)


@pytest.fixture
def api(client_of, buyer):
    return client_of(buyer)


def url_of(order, *rest):
    return "/".join(["/api/v1/orders", str(order.pk), *map(str, rest)])


def read(pdf):
    """The text of all pages, and the QR codes on them as a camera sees them."""
    document = pdfium.PdfDocument(pdf)
    try:
        pages = [document[number] for number in range(len(document))]
        text = "\n".join(page.get_textpage().get_text_bounded() for page in pages)
        images = [page.render(scale=3).to_pil() for page in pages]
    finally:
        document.close()
    return text, [code.text for image in images for code in zxingcpp.read_barcodes(image)]


class TestInvoiceOfAnOrder:
    def test_is_a_pdf_named_by_its_number(self, api, order, invoice):
        answer = api.get(url_of(order, "invoice"))

        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert 'filename="NV2627-000001.pdf"' in answer["Content-Disposition"]
        assert answer["Cache-Control"] == "private, no-store"
        with pikepdf.open(io.BytesIO(answer.content)) as pdf:
            assert str(pdf.docinfo.Title) == "Tax invoice NV2627/000001"

    def test_is_issued_then_and_there_when_its_job_has_not_run(self, api, order):
        assert Invoice.objects.count() == 0

        answer = api.get(url_of(order, "invoice"))

        assert answer.status_code == 200
        assert Invoice.objects.get().order == order

    def test_is_told_of_in_the_order(self, api, order, now):
        before = api.get(url_of(order)).json()["invoice"]
        issue_invoice(order_id=order.pk, now=now)

        after = api.get(url_of(order)).json()["invoice"]

        assert before is None
        assert after["number"] == "NV2627/000001"
        assert after["issued_at"].startswith("2026-11-23T12:00:00")
        assert urlsplit(after["url"]).path == url_of(order, "invoice")

    def test_is_404_for_others_for_the_unpaid_and_for_nothing(
        self, client_of, stranger, api, order, buyer, note, now
    ):
        unpaid = make_order(buyer=buyer, notes=[note], now=now)

        answers = [
            client_of(stranger).get(url_of(order, "invoice")),
            api.get(url_of(unpaid, "invoice")),
            api.get(f"/api/v1/orders/{uuid4()}/invoice"),
        ]

        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert {answer.json()["code"] for answer in answers} == {"not_found"}
        assert client_of(None).get(url_of(order, "invoice")).status_code == 401
        assert Invoice.objects.count() == 0


class TestCreditNotesOfAnOrder:
    def test_are_listed_with_their_papers(self, api, order, credit_note):
        (row,) = api.get(url_of(order, "credit-notes")).json()["items"]

        paper = api.get(urlsplit(row["url"]).path)
        assert (row["kind"], row["number"]) == ("credit_note", "NC2627/000001")
        assert (row["corrects"], row["total_paise"]) == ("NV2627/000001", 5000)
        assert 'filename="NC2627-000001.pdf"' in paper["Content-Disposition"]
        text, _codes = read(paper.content)
        assert "Credit note" in text
        assert "Corrects NV2627/000001" in " ".join(text.split())

    def test_are_listed_with_the_debit_note_of_a_refund_that_failed(
        self, api, order, credit_note, refund, now, run_jobs
    ):
        fail_refund(refund_id=refund.pk, why="returned by the bank", now=now)
        run_jobs()

        rows = api.get(url_of(order, "credit-notes")).json()["items"]

        assert [(row["kind"], row["corrects"]) for row in rows] == [
            ("credit_note", "NV2627/000001"),
            ("debit_note", "NC2627/000001"),
        ]

    def test_cost_the_same_for_any_number(
        self, api, order, invoice, now, django_assert_max_num_queries
    ):
        for _ in range(4):
            part = refund_lines(order=order, lines={order.items.get().pk: 1000}, now=now)
            tell(part, "processed", now)
            issue_credit_note(refund_id=part.pk, now=now)

        with django_assert_max_num_queries(3):
            assert len(api.get(url_of(order, "credit-notes")).json()["items"]) == 4

    def test_are_404_for_others_and_under_another_order(
        self, client_of, stranger, api, order, invoice, credit_note, buyer, note, now
    ):
        other = make_order(buyer=buyer, notes=[note], now=now)
        nosy = client_of(stranger)

        answers = [
            nosy.get(url_of(order, "credit-notes")),
            nosy.get(url_of(order, "credit-notes", credit_note.pk)),
            api.get(url_of(other, "credit-notes", credit_note.pk)),
            api.get(url_of(order, "credit-notes", invoice.pk)),
            api.get(url_of(order, "credit-notes", uuid4())),
        ]

        assert [answer.status_code for answer in answers] == [404] * 5
        assert api.get(url_of(other, "credit-notes")).json() == {"items": []}


class TestPaper:
    def test_says_everything_in_words_and_figures(self, invoice, settings):
        text, _codes = read(render_pdf(invoice))

        said = " ".join(text.split())
        for part in (
            "Tax invoice",
            "NV2627/000001",
            "23 November 2026",
            "Nina Kapoor",
            "Place of supply Maharashtra (27)",
            "State Karnataka (29)",
            f"SAC {settings.GST_SAC}",
            "Reverse charge no",
            "IGST 18 % Rs. 2.26",
            "Our fee, taxable Rs. 12.59",
            "Value of notes, without GST Rs. 84.15",
            "Total Rs. 99.00",
            "Rupees ninety-nine only",
            invoice.signature,
        ):
            assert part in said
        assert "CGST" not in said

    def test_shows_a_title_as_it_is_written_in_letters_that_there_are(self, invoice):
        text, _codes = read(render_pdf(invoice))

        assert "Physics <b>I</b> & bhautika vijnyaana" in " ".join(text.split())
        assert "Titles in other scripts are written in Latin letters here." in text

    def test_is_the_same_bytes_each_time(self, invoice):
        assert render_pdf(invoice) == render_pdf(Invoice.objects.get(pk=invoice.pk))

    def test_has_a_code_that_leads_to_a_page_that_says_valid(self, invoice):
        _text, codes = read(render_pdf(invoice))

        (address,) = codes
        answer = Client().get(urlsplit(address).path)
        assert answer.status_code == 200
        assert "Invoice NV2627/000001" in answer.content.decode()

    def test_of_many_lines_goes_on_over_pages(self, invoice):
        invoice.lines = invoice.lines * 60

        text, codes = read(render_pdf(invoice))

        assert "Page 3" in text
        assert text.count("Amount, Rs.") >= 3
        assert len(codes) == 1


def page_of(invoice, signature=None):
    url = reverse("invoices:verify", args=[invoice.pk, signature or invoice.signature])
    return Client().get(url)


class TestVerificationPage:
    def test_says_enough_to_compare_and_no_more(self, invoice, order):
        answer = page_of(invoice)

        page = answer.content.decode()
        for part in ("Valid", "23 November 2026", "N. K.", "₹99.00", "IGST", "₹2.26"):
            assert part in page
        for private in ("Nina", "Physics", str(order.pk), order.buyer.email):
            assert private not in page
        assert "No credit or debit note corrects it." in page

    def test_is_not_kept_not_listed_and_runs_no_script(self, invoice):
        answer = page_of(invoice)

        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Robots-Tag"] == "noindex"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        page = answer.content.decode()
        assert "<script" not in page
        assert "style=" not in page

    def test_names_the_credit_note_of_an_invoice_and_the_invoice_of_a_credit_note(
        self, invoice, credit_note
    ):
        assert "Credit Note NC2627/000001" in page_of(invoice).content.decode()
        assert "<dt>Corrects</dt><dd>NV2627/000001</dd>" in page_of(credit_note).content.decode()

    def test_is_the_same_for_a_wrong_signature_and_an_unknown_document(self, invoice):
        unknown = reverse("invoices:verify", args=[uuid4(), invoice.signature])

        answers = [
            page_of(invoice, "0" * 64),
            page_of(invoice, "ü"),
            page_of(invoice, invoice.signature.upper()),
            Client().get(unknown),
        ]

        assert [answer.status_code for answer in answers] == [404] * 4
        assert len({answer.content for answer in answers}) == 1
        assert "Not valid" in answers[0].content.decode()
        assert invoice.number not in answers[0].content.decode()

    @pytest.mark.parametrize(
        "change",
        [
            "total_paise = 19900, note_value_paise = note_value_paise + 10000",
            "buyer_name = 'Somebody Else'",
            "number = 'NV2627/000009'",
            "issued_at = issued_at - interval '1 day'",
            "supplier_gstin = '29AACCN4821K1Z9'",
            "lines = jsonb_set(lines, '{0,title}', '\"Chemistry\"')",
        ],
    )
    def test_does_not_believe_a_row_that_was_altered_behind_the_trigger(self, invoice, change):
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE payments_invoice DISABLE TRIGGER invoices_never_change")
            cursor.execute(f"UPDATE payments_invoice SET {change}")
            cursor.execute("ALTER TABLE payments_invoice ENABLE TRIGGER invoices_never_change")

        assert page_of(invoice).status_code == 404

    def test_believes_what_a_past_secret_signed(self, invoice, settings):
        past, settings.INVOICE_SECRET = settings.INVOICE_SECRET, "another-secret-of-ours"
        assert page_of(invoice).status_code == 404
        settings.INVOICE_SECRETS_PREVIOUS = ["the-one-between", past]

        assert page_of(invoice).status_code == 200

    def test_is_throttled_by_address(self, invoice, settings):
        settings.THROTTLE_RATES = {**settings.THROTTLE_RATES, "document": "3/h"}

        answers = [page_of(invoice, "0" * 64).status_code for _ in range(4)]

        assert answers == [404, 404, 404, 429]


class TestDesk:
    def desk_of(self, group):
        user = make_user(group.lower(), is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        desk = Client(raise_request_exception=False)
        desk.force_login(user)
        return desk

    @pytest.mark.parametrize("group", ["Support", "Finance", "Auditor"])
    def test_finds_and_prints_an_invoice(self, group, invoice):
        desk = self.desk_of(group)
        found = desk.get(reverse("admin:payments_invoice_changelist"), {"q": "NV2627/000001"})

        paper = desk.get(reverse("admin:payments_invoice_pdf", args=[invoice.pk]))

        assert "Nina Kapoor" in found.content.decode()
        assert (paper.status_code, paper["Content-Type"]) == (200, "application/pdf")

    def test_opens_a_document_and_links_its_paper(self, invoice):
        page = self.desk_of("Finance").get(
            reverse("admin:payments_invoice_change", args=[invoice.pk])
        )

        assert page.status_code == 200
        assert reverse("admin:payments_invoice_pdf", args=[invoice.pk]) in page.content.decode()

    def test_prints_nothing_for_others(self, invoice):
        url = reverse("admin:payments_invoice_pdf", args=[invoice.pk])

        assert self.desk_of("Moderator").get(url).status_code == 403
        assert Client().get(url).status_code == 302
        assert (
            self.desk_of("Finance")
            .get(reverse("admin:payments_invoice_pdf", args=[uuid4()]))
            .status_code
            == 404
        )
        assert Order.objects.count() == 1
