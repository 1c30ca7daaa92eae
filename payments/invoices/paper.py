"""A document as a PDF, made from its frozen row: the same bytes each time."""

from __future__ import annotations

from functools import partial
from html import escape
from io import BytesIO

from django.http import HttpResponse
from reportlab.graphics.barcode.qr import QrCodeWidget
from reportlab.graphics.shapes import Drawing
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    HRFlowable,
    KeepTogether,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    Table,
    TableStyle,
)

from notes.storage.local import content_disposition
from notevault.kit import clock, money
from notevault.kit.places import PLACES
from payments.invoices.lettering import BOLD, REGULAR, in_latin, use_typeface
from payments.invoices.lines import Line, from_json
from payments.invoices.seal import verification_url
from payments.invoices.words import rupees_in_words
from payments.models import Invoice
from payments.states import InvoiceKind

INK, MUTED, FAINT = HexColor("#1c2126"), HexColor("#66707a"), HexColor("#d5dbe1")
ACCENT, WASH = HexColor("#155e63"), HexColor("#f2f6f6")
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
FRAME_PADDING = 6  # reportlab's own, within its margins
QR_SIDE = 36 * mm
HEADINGS = {
    InvoiceKind.INVOICE: "Tax invoice",
    InvoiceKind.CREDIT_NOTE: "Credit note",
    InvoiceKind.DEBIT_NOTE: "Debit note",
}

BODY = ParagraphStyle("body", fontName=REGULAR, fontSize=8.5, leading=12.5, textColor=INK)
SMALL = ParagraphStyle("small", BODY, fontSize=7.2, leading=10.4, textColor=MUTED)
FIGURE = ParagraphStyle("figure", BODY, alignment=TA_RIGHT)
TOTAL = ParagraphStyle("total", FIGURE, fontName=BOLD, fontSize=10.5, leading=15)
HEAD = ParagraphStyle("head", SMALL, fontName=BOLD, textColor=ACCENT)
HEAD_FIGURE = ParagraphStyle("head figure", HEAD, alignment=TA_RIGHT)
NAME = ParagraphStyle("name", BODY, fontName=BOLD, fontSize=15, leading=19)
TITLE = ParagraphStyle("title", NAME, alignment=TA_RIGHT, textColor=ACCENT)
NUMBER = ParagraphStyle("number", BODY, alignment=TA_RIGHT, fontName=BOLD)

PLAIN = TableStyle(
    [
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 0),
        ("TOPPADDING", (0, 0), (-1, -1), 0),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
)
LINED = TableStyle(
    [
        ("BACKGROUND", (0, 0), (-1, 0), WASH),
        ("LINEBELOW", (0, 0), (-1, 0), 0.8, ACCENT),
        ("LINEBELOW", (0, 1), (-1, -1), 0.4, FAINT),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
    ]
)

SUMMED = TableStyle(
    [
        ("LINEABOVE", (0, -1), (-1, -1), 0.8, ACCENT),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, -1), (-1, -1), 4),
        ("BOTTOMPADDING", (0, -2), (-1, -2), 4),
    ],
    parent=PLAIN,
)


def pdf_response(invoice: Invoice) -> HttpResponse:
    response = HttpResponse(render_pdf(invoice), content_type="application/pdf")
    name = f"{invoice.number.replace('/', '-')}.pdf"
    response["Content-Disposition"] = content_disposition(name)
    return response


def render_pdf(invoice: Invoice) -> bytes:
    """The document as a PDF; its `corrects` is read for a note."""
    use_typeface()
    out = BytesIO()
    heading = HEADINGS[InvoiceKind(invoice.kind)]
    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        leftMargin=MARGIN - FRAME_PADDING,
        rightMargin=MARGIN - FRAME_PADDING,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
        invariant=1,
        pageCompression=1,
        title=f"{heading} {invoice.number}",
        author=in_latin(invoice.supplier_name),
        subject="GST invoice",
        creator="NoteVault",
        lang="en-IN",
    )
    foot = partial(_draw_foot, f"{heading} {invoice.number} of {_day(invoice)}")
    document.build(_story(invoice), onFirstPage=foot, onLaterPages=foot)
    return out.getvalue()


def _story(invoice: Invoice) -> list[Flowable]:
    lines = from_json(invoice.lines)
    return [
        _masthead(invoice),
        HRFlowable(width="100%", thickness=1.2, color=ACCENT, spaceBefore=8, spaceAfter=12),
        _parties(invoice),
        Spacer(1, 16),
        _table(invoice, lines),
        Spacer(1, 12),
        KeepTogether([_sums(invoice, lines), Spacer(1, 18), _remarks(invoice, lines)]),
    ]


def _text(text: str, style: ParagraphStyle = BODY) -> Paragraph:
    """Plain text as it is: no mark of it is read as markup."""
    return Paragraph(escape(in_latin(text)), style)


def _rupees(amount_paise: int) -> str:
    """The typeface is older than the rupee sign."""
    return money.format_inr(amount_paise).replace("₹", "Rs. ")


def _figure(amount_paise: int) -> str:
    return money.format_inr(amount_paise).replace("₹", "")


def _masthead(invoice: Invoice) -> Table:
    left = [_text(invoice.supplier_name, NAME), _text(invoice.supplier_address, SMALL)]
    right = [
        _text(HEADINGS[InvoiceKind(invoice.kind)], TITLE),
        _text(invoice.number, NUMBER),
    ]
    return Table([[left, right]], colWidths=[WIDTH * 0.58, WIDTH * 0.42], style=PLAIN)


def _parties(invoice: Invoice) -> Table:
    state = PLACES.get(invoice.buyer_state)
    supplier = [
        ("GSTIN", invoice.supplier_gstin or "not registered"),
        ("State", str(PLACES[invoice.supplier_state])),
        ("SAC", invoice.sac),
        ("Reverse charge", "no"),
    ]
    buyer = [
        ("Name", invoice.buyer_name),
        ("State", str(state) if state else "not on record"),
        ("Place of supply", str(PLACES[invoice.place_of_supply])),
    ]
    columns = [
        [_text("Supplied by", HEAD), *_facts(supplier)],
        [_text("Billed to", HEAD), *_facts(buyer)],
        [_text("Document", HEAD), *_facts(_document(invoice))],
    ]
    return Table([columns], colWidths=[WIDTH / 3] * 3, style=PLAIN)


def _document(invoice: Invoice) -> list[tuple[str, str]]:
    facts = [("Number", invoice.number), ("Date", _day(invoice))]
    if invoice.corrects is not None:
        facts += [("Corrects", invoice.corrects.number), ("of", _day(invoice.corrects))]
    return facts


def _day(invoice: Invoice) -> str:
    return f"{clock.indian_day(invoice.issued_at):%d %B %Y}"


def _facts(pairs: list[tuple[str, str]]) -> list[Paragraph]:
    return [
        Paragraph(f'<font color="#66707a">{name}</font>&nbsp; {escape(in_latin(value))}', BODY)
        for name, value in pairs
    ]


def _table(invoice: Invoice, lines: list[Line]) -> Table:
    taxes = _taxes(invoice)
    heads = ["Note value", "Our fee", "GST", *(name for name, _ in taxes), "Amount, Rs."]
    rows = [[_text("Note", HEAD), *(_text(head, HEAD_FIGURE) for head in heads)]]
    for line in lines:
        figures = [
            _figure(line.note_value_paise),
            _figure(line.taxable_paise),
            f"{line.rate_bps / 100:g} %",
            *(_figure(getattr(line, column)) for _, column in taxes),
            _figure(line.total_paise),
        ]
        rows.append([_text(line.title), *(_text(figure, FIGURE) for figure in figures)])
    narrow = [66.0, 60.0, 40.0, *(52.0 for _ in taxes), 68.0]
    widths = [WIDTH - sum(narrow), *narrow]
    return Table(rows, colWidths=widths, style=LINED, repeatRows=1)


def _taxes(invoice: Invoice) -> list[tuple[str, str]]:
    if invoice.place_of_supply == invoice.supplier_state:
        return [("CGST", "cgst_paise"), ("SGST", "sgst_paise")]
    return [("IGST", "igst_paise")]


def _sums(invoice: Invoice, lines: list[Line]) -> Table:
    rate = lines[0].rate_bps / len(_taxes(invoice)) / 100
    pairs = [
        ("Value of notes, without GST", invoice.note_value_paise),
        ("Our fee, taxable", invoice.taxable_paise),
        *((f"{name} {rate:g} %", getattr(invoice, column)) for name, column in _taxes(invoice)),
    ]
    rows = [[_text(name, FIGURE), _text(_rupees(amount), FIGURE)] for name, amount in pairs]
    rows.append([_text("Total", TOTAL), _text(_rupees(invoice.total_paise), TOTAL)])
    widths = [WIDTH * 0.34, WIDTH * 0.24]
    figures = Table(rows, colWidths=widths, style=SUMMED, hAlign="RIGHT")
    words = [
        _text("Amount in words", HEAD),
        _text(rupees_in_words(invoice.total_paise)),
    ]
    return Table([[words, figures]], colWidths=[WIDTH * 0.42, WIDTH * 0.58], style=PLAIN)


def _remarks(invoice: Invoice, lines: list[Line]) -> Table:
    said = [
        f"The value of a note is its seller's, for whom {invoice.supplier_name} collects it. "
        "Sellers are students below the registration limit and charge no GST (Notification "
        f"65/2017-Central Tax). GST is charged on our fee, SAC {invoice.sac}, and is in the price.",
        "The code leads to a page that says whether this document is genuine and unchanged. "
        "Its keyed signature is:",
        invoice.signature,
    ]
    if any(in_latin(line.title) != line.title for line in lines):
        said.append("Titles in other scripts are written in Latin letters here.")
    remarks = [flowable for text in said for flowable in (_text(text, SMALL), Spacer(1, 4))]
    return Table(
        [[_qr_code(verification_url(invoice)), remarks]],
        colWidths=[QR_SIDE + 6 * mm, WIDTH - QR_SIDE - 6 * mm],
        style=PLAIN,
    )


def _qr_code(content: str) -> Drawing:
    code = QrCodeWidget(content, barLevel="M", barBorder=0)
    left, bottom, right, top = code.getBounds()
    scale = QR_SIDE / (right - left), QR_SIDE / (top - bottom)
    return Drawing(QR_SIDE, QR_SIDE, code, transform=[scale[0], 0, 0, scale[1], 0, 0])


def _draw_foot(text: str, canvas: Canvas, document: SimpleDocTemplate) -> None:
    canvas.setFillColor(MUTED)
    canvas.setFont(REGULAR, 7)
    canvas.drawString(MARGIN, MARGIN - 4, text)
    canvas.drawRightString(A4[0] - MARGIN, MARGIN - 4, f"Page {document.page}")
