"""From a paid order to its invoice, from money taken back to the note that corrects it.

Each is issued once, in a transaction that does little else: every document of a financial
year waits for the counter of its series.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Q, QuerySet

from notevault.kit import crash
from notevault.kit.clock import indian_day
from ops.transactions import use_case
from payments import locks, tax
from payments.invoices.lines import Line, Shares, as_json, from_json, make_line, sums
from payments.invoices.numbers import next_number
from payments.invoices.seal import PARTIES, seal
from payments.models import Dispute, Invoice, Order, OrderItem, Refund, Reversal
from payments.states import DisputeState, InvoiceKind, RefundState

log = structlog.get_logger("notevault.invoices")


@use_case
def issue_invoice(*, order_id: UUID, now: datetime) -> Invoice | None:
    """The order's one invoice, issued now if it has none yet.

    None for an order that sold nothing for money: it is not paid, it was free, or none of
    its notes could be granted.
    """
    return _invoice_of(locks.lock_order(order_id), now)


@use_case
def issue_credit_note(
    *, now: datetime, refund_id: UUID | None = None, dispute_id: UUID | None = None
) -> Invoice | None:
    """Credit what a processed refund or a lost dispute took back from lines of an invoice.

    Repeating it gives the same note. A dispute that takes more or less than it did when it
    was credited has that debited again first. None when it took nothing that was invoiced,
    or has failed meanwhile.
    """
    order = locks.lock_order(_order_id(refund_id, dispute_id))
    reverses_id = refund_id or dispute_id
    last = _last_note(order, reverses_id)
    taken = list(_taken_back(refund_id, dispute_id))
    invoice = _invoice_of(order, now) if taken else None
    lines = [_line_of_reversal(row, invoice) for row in taken] if invoice else []
    if last is not None and last.kind == InvoiceKind.CREDIT_NOTE:
        if from_json(last.lines) == lines:
            return last
        last = _debit(last, now)
    if invoice is None:
        return None
    return _correct(last or invoice, InvoiceKind.CREDIT_NOTE, lines, reverses_id, now)


@use_case
def issue_debit_note(*, refund_id: UUID, now: datetime) -> Invoice | None:
    """Debit again what was credited for a refund that failed after it had been processed.

    Repeating it gives the same note. None when nothing was credited, or the refund was
    made after all.
    """
    order = locks.lock_order(_order_id(refund_id, None))
    last = _last_note(order, refund_id)
    if last is None or _taken_back(refund_id, None).exists():
        return None
    if last.kind == InvoiceKind.DEBIT_NOTE:
        return last
    return _debit(last, now)


# What goes on them


def _invoice_of(order: Order, now: datetime) -> Invoice | None:
    found = order.invoices.filter(kind=InvoiceKind.INVOICE).first()
    if found is not None:
        return found
    sold = order.items.filter(release_at__isnull=False).order_by("pk")
    parties = _parties(order)
    is_intra_state = parties["place_of_supply"] == parties["supplier_state"]
    rate_bps = tax.gst_bps(indian_day(order.created_at))
    lines = [
        make_line(_shares_of(item), rate_bps=rate_bps, is_intra_state=is_intra_state)
        for item in sold
    ]
    if not sum(line.total_paise for line in lines):
        return None
    return _issue(InvoiceKind.INVOICE, lines, now, order=order, **parties)


def _shares_of(item: OrderItem) -> Shares:
    return Shares(
        note_id=item.note_id,
        title=item.title,
        seller_paise=item.seller_share_paise,
        commission_paise=item.commission_paise,
        tax_paise=item.tax_paise,
    )


def _line_of_reversal(row: Reversal, invoice: Invoice) -> Line:
    """At the invoice's rate, whatever the rate is by now."""
    shares = Shares(
        note_id=row.item.note_id,
        title=row.item.title,
        seller_paise=row.seller_share_paise,
        commission_paise=row.commission_paise + row.tax_paise,
        tax_paise=row.tax_paise,
    )
    return make_line(
        shares,
        rate_bps=invoice.lines[0]["rate_bps"],
        is_intra_state=invoice.place_of_supply == invoice.supplier_state,
    )


def _parties(order: Order) -> dict[str, str]:
    """Who buys and who supplies, as of now.

    The place of supply is the buyer's state. Without an address on record it is the
    supplier's: section 12(2)(b)(ii) of the IGST Act, 2017.
    """
    return {
        "buyer_name": order.billing_name or order.buyer.name,
        "buyer_state": order.billing_state,
        "place_of_supply": order.billing_state or settings.GST_STATE,
        "supplier_name": settings.INVOICE_LEGAL_NAME,
        "supplier_address": settings.INVOICE_ADDRESS,
        "supplier_state": settings.GST_STATE,
        "supplier_gstin": settings.GSTIN,
        "sac": settings.GST_SAC,
    }


def _order_id(refund_id: UUID | None, dispute_id: UUID | None) -> UUID:
    source: Any = Refund if refund_id else Dispute
    order_id: UUID = source.objects.values_list("payment__order_id", flat=True).get(
        pk=refund_id or dispute_id
    )
    return order_id


def _taken_back(refund_id: UUID | None, dispute_id: UUID | None) -> QuerySet[Reversal]:
    if refund_id:
        final = Q(refund_id=refund_id, refund__state=RefundState.PROCESSED)
    else:
        final = Q(dispute_id=dispute_id, dispute__state=DisputeState.LOST)
    taken = Reversal.objects.filter(final, undone_at=None)
    return taken.select_related("item").order_by("item_id")


def _last_note(order: Order, reverses_id: UUID | None) -> Invoice | None:
    """Of one reversal credit and debit alternate; each corrects the one before it."""
    notes = order.invoices.filter(reverses_id=reverses_id)
    return notes.filter(corrections=None).first()


# Their issue


def _debit(credited: Invoice, now: datetime) -> Invoice:
    lines = from_json(credited.lines)
    return _correct(credited, InvoiceKind.DEBIT_NOTE, lines, credited.reverses_id, now)


def _correct(
    corrected: Invoice,
    kind: InvoiceKind,
    lines: Sequence[Line],
    reverses_id: UUID | None,
    now: datetime,
) -> Invoice:
    parties = {name: getattr(corrected, name) for name in PARTIES}
    return _issue(
        kind,
        lines,
        now,
        order=corrected.order,
        corrects=corrected,
        reverses_id=reverses_id,
        **parties,
    )


def _issue(kind: InvoiceKind, lines: Sequence[Line], now: datetime, **details: Any) -> Invoice:
    series, number = next_number(kind, now)
    invoice = Invoice(
        kind=kind,
        number=number,
        series=series,
        serial=series.last,
        financial_year=series.financial_year,
        lines=as_json(lines),
        issued_at=now,
        **sums(lines),
        **details,
    )
    invoice.signature = seal(invoice)
    invoice.save(force_insert=True)
    crash.point("invoice.before_commit")
    log.info("invoice.issued", kind=kind, number=number, order_id=str(invoice.order_id))
    return invoice
