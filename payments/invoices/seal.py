"""The keyed signature of a document, over everything that is printed on it.

It is in the QR code. Whoever scans it sees whether the row still says what was signed, so a
row that was altered behind the database's trigger gives itself away.
"""

from __future__ import annotations

import json
from datetime import UTC

from django.conf import settings
from django.urls import reverse

from payments.gateways.signatures import is_signed_by_any, sign
from payments.models import Invoice

# Who sold to whom, and where; a note takes it over from the invoice that it corrects.
PARTIES = (
    "buyer_name",
    "buyer_state",
    "place_of_supply",
    "supplier_name",
    "supplier_address",
    "supplier_state",
    "supplier_gstin",
    "sac",
)
SIGNED = (
    "id",
    "kind",
    "number",
    "serial",
    "financial_year",
    "order_id",
    "corrects_id",
    "reverses_id",
    *PARTIES,
    "lines",
    "note_value_paise",
    "taxable_paise",
    "cgst_paise",
    "sgst_paise",
    "igst_paise",
    "total_paise",
)


def seal(invoice: Invoice) -> str:
    return sign(_content(invoice), secret=settings.INVOICE_SECRET)


def is_genuine(invoice: Invoice, signature: str) -> bool:
    """True when one of our secrets, the present one or a past one, signed the row as it is."""
    secrets = [settings.INVOICE_SECRET, *settings.INVOICE_SECRETS_PREVIOUS]
    return is_signed_by_any(_content(invoice), signature, secrets)


def verification_url(invoice: Invoice) -> str:
    path = reverse("invoices:verify", args=[invoice.pk, invoice.signature])
    return f"{settings.PUBLIC_API_URL}{path}"


def _content(invoice: Invoice) -> bytes:
    """One form for one content, whatever order the database keeps the keys of JSON in."""
    content = {name: getattr(invoice, name) for name in SIGNED}
    content["issued_at"] = invoice.issued_at.astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(content, default=str, sort_keys=True, separators=(",", ":")).encode()
