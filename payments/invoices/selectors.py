"""Reads of documents: a buyer's own, and the one whose code somebody scanned."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from notevault.kit.errors import DomainError
from payments.invoices.seal import is_genuine
from payments.models import Invoice, Order
from payments.selectors import OrderNotFound
from payments.states import InvoiceKind


class InvoiceNotFound(DomainError):
    code = "not_found"
    message = "There is no such document."


def find_invoice(*, order_id: UUID, buyer_id: UUID) -> Invoice | None:
    """The invoice of a buyer's own order. Raises OrderNotFound for others'."""
    found = Invoice.objects.filter(order_id=order_id, order__buyer_id=buyer_id)
    invoice = found.filter(kind=InvoiceKind.INVOICE).first()
    if invoice is None and not Order.objects.filter(pk=order_id, buyer_id=buyer_id).exists():
        raise OrderNotFound
    return invoice


def list_notes(*, order_id: UUID, buyer_id: UUID) -> QuerySet[Invoice]:
    """Credit and debit notes of a buyer's own order, as they were issued. Raises OrderNotFound."""
    if not Order.objects.filter(pk=order_id, buyer_id=buyer_id).exists():
        raise OrderNotFound
    notes = Invoice.objects.filter(order_id=order_id).exclude(kind=InvoiceKind.INVOICE)
    return notes.order_by("issued_at", "pk")


def get_note(*, order_id: UUID, buyer_id: UUID, note_id: UUID) -> Invoice:
    """Raises OrderNotFound and InvoiceNotFound."""
    notes = list_notes(order_id=order_id, buyer_id=buyer_id)
    note = notes.select_related("corrects").filter(pk=note_id).first()
    if note is None:
        raise InvoiceNotFound
    return note


def find_genuine(*, invoice_id: UUID, signature: str) -> Invoice | None:
    """The document that was signed so, if its row still says what was signed."""
    invoice = Invoice.objects.filter(pk=invoice_id).select_related("corrects").first()
    if invoice is None or not is_genuine(invoice, signature):
        return None
    return invoice
