"""What the endpoints of invoices and credit notes take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notevault.kit.fields import LineField
from notevault.kit.places import PLACES
from payments.states import InvoiceKind

STATES = [(place.code, place.name) for place in PLACES.values()]


class BillingFields(serializers.Serializer[Any]):
    """Who the invoice is made out to. Without it, what the buyer gave last time holds."""

    name = LineField(max_length=80)
    state = serializers.ChoiceField(
        choices=STATES, help_text="Of the buyer's address; the two letters of ISO 3166-2:IN."
    )


class OrderInvoiceResponse(serializers.Serializer[Any]):
    number = serializers.CharField()
    issued_at = serializers.DateTimeField()
    url = serializers.URLField(help_text="The PDF.")


class CreditNoteResponse(OrderInvoiceResponse):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(
        choices=[InvoiceKind.CREDIT_NOTE.value, InvoiceKind.DEBIT_NOTE.value],
        help_text="A debit note takes back a credit note whose refund failed in the end.",
    )
    corrects = serializers.CharField(help_text="The number of the document that it corrects.")
    total_paise = serializers.IntegerField()


class CreditNoteListResponse(serializers.Serializer[Any]):
    items = CreditNoteResponse(many=True)
