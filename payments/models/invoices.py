"""Invoices and the notes that correct them: written once, never changed (by a trigger)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from notevault.kit.ids import uuid7
from payments.models.orders import Order
from payments.states import InvoiceKind

_SUMS = ("note_value_paise", "taxable_paise", "cgst_paise", "sgst_paise", "igst_paise")


class InvoiceSeries(models.Model):
    """The counter of one kind of document in one financial year.

    It is raised in the transaction that writes the document, so that no number is left out.
    """

    prefix = models.CharField(max_length=2)
    financial_year = models.CharField(max_length=7, help_text="April to March, such as 2026-27.")
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["prefix", "financial_year"], name="one_series_per_kind_and_year"
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix} {self.financial_year}"


class Invoice(models.Model):
    """One document as it was issued, with all that is printed on it.

    A credit note takes back what a refund or a lost dispute took from the invoice that it
    `corrects`; a debit note takes back a credit note whose refund failed in the end.
    Amounts are positive on all of them.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=12, choices=InvoiceKind)
    number = models.CharField(max_length=16, unique=True)
    series = models.ForeignKey(InvoiceSeries, on_delete=models.PROTECT, related_name="invoices")
    serial = models.PositiveIntegerField()
    financial_year = models.CharField(max_length=7)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    corrects = models.ForeignKey(
        "self", null=True, on_delete=models.PROTECT, related_name="corrections"
    )
    reverses_id = models.UUIDField(null=True, help_text="The refund or dispute behind a note.")
    buyer_name = models.CharField(max_length=80)
    buyer_state = models.CharField(max_length=2)
    place_of_supply = models.CharField(max_length=2)
    supplier_name = models.CharField(max_length=120)
    supplier_address = models.CharField(max_length=300)
    supplier_state = models.CharField(max_length=2)
    supplier_gstin = models.CharField(max_length=15, blank=True)
    sac = models.CharField(max_length=6)
    lines = models.JSONField(help_text="As `payments.invoices.lines.Line` writes them.")
    note_value_paise = models.PositiveIntegerField(help_text="The sellers' shares, without GST.")
    taxable_paise = models.PositiveIntegerField(help_text="Our fee without its GST.")
    cgst_paise = models.PositiveIntegerField()
    sgst_paise = models.PositiveIntegerField()
    igst_paise = models.PositiveIntegerField()
    total_paise = models.PositiveIntegerField()
    issued_at = models.DateTimeField()
    signature = models.CharField(max_length=64, help_text="HMAC-SHA256 over all of the above.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["series", "serial"], name="invoice_serial_once"),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(kind=InvoiceKind.INVOICE),
                name="one_invoice_per_order",
            ),
            # A refund may be made, fail, and be made after all: each note corrects the last.
            models.UniqueConstraint(
                fields=["corrects", "reverses_id"], name="one_note_per_reversal"
            ),
            models.CheckConstraint(
                name="invoice_number_allowed",
                condition=Q(number__regex=r"^[A-Z0-9/-]{1,16}$"),
            ),
            models.CheckConstraint(
                name="invoice_adds_up",
                condition=Q(total_paise=sum((F(name) for name in _SUMS[1:]), F(_SUMS[0]))),
            ),
            models.CheckConstraint(
                name="invoice_tax_is_halved", condition=Q(cgst_paise=F("sgst_paise"))
            ),
            models.CheckConstraint(
                name="invoice_tax_is_of_one_kind", condition=Q(igst_paise=0) | Q(cgst_paise=0)
            ),
            models.CheckConstraint(
                name="invoice_note_corrects",
                condition=Q(
                    kind=InvoiceKind.INVOICE, corrects__isnull=True, reverses_id__isnull=True
                )
                | Q(
                    ~Q(kind=InvoiceKind.INVOICE), corrects__isnull=False, reverses_id__isnull=False
                ),
            ),
        ]
        indexes = [models.Index(fields=["-issued_at"], name="invoices_newest")]

    def __str__(self) -> str:
        return self.number
