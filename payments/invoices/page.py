"""What the public page says of a genuine document: enough to compare it with the paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notevault.kit import money
from notevault.kit.places import PLACES
from payments.models import Invoice
from payments.states import InvoiceKind


@dataclass(frozen=True)
class Facts:
    kind: str
    number: str
    issued_at: datetime
    supplier: str
    gstin: str
    buyer: str
    place_of_supply: str
    sums: tuple[tuple[str, str], ...]
    total: str
    corrects: str
    corrections: tuple[tuple[str, str], ...]


def facts_of(invoice: Invoice) -> Facts:
    sums = (
        ("Value of notes", invoice.note_value_paise),
        ("Fee, taxable", invoice.taxable_paise),
        ("CGST", invoice.cgst_paise),
        ("SGST", invoice.sgst_paise),
        ("IGST", invoice.igst_paise),
    )
    return Facts(
        kind=InvoiceKind(invoice.kind).label,
        number=invoice.number,
        issued_at=invoice.issued_at,
        supplier=invoice.supplier_name,
        gstin=invoice.supplier_gstin,
        buyer=initials(invoice.buyer_name),
        place_of_supply=str(PLACES[invoice.place_of_supply]),
        sums=tuple((name, money.format_inr(amount)) for name, amount in sums if amount),
        total=money.format_inr(invoice.total_paise),
        corrects=invoice.corrects.number if invoice.corrects else "",
        corrections=_corrections(invoice),
    )


def initials(name: str) -> str:
    """`N. K.` for Nina Kapoor: her own paper says the rest."""
    return " ".join(f"{word[0].upper()}." for word in name.split())


def _corrections(invoice: Invoice) -> tuple[tuple[str, str], ...]:
    """The notes of the whole order for an invoice, the next one in turn for a note."""
    if invoice.kind == InvoiceKind.INVOICE:
        notes = Invoice.objects.filter(order_id=invoice.order_id).exclude(pk=invoice.pk)
    else:
        notes = invoice.corrections.all()
    return tuple(
        (f"{InvoiceKind(note.kind).label} {note.number}", money.format_inr(note.total_paise))
        for note in notes.order_by("issued_at", "pk")
    )
