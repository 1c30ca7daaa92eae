"""The numbers of documents: one series for each kind and financial year, without a gap."""

from __future__ import annotations

from datetime import datetime

from notevault.kit.clock import indian_day
from payments import locks
from payments.models import InvoiceSeries
from payments.states import InvoiceKind

PREFIXES = {
    InvoiceKind.INVOICE: "NV",
    InvoiceKind.CREDIT_NOTE: "NC",
    InvoiceKind.DEBIT_NOTE: "ND",
}


def financial_year(now: datetime) -> str:
    """Such as 2026-27: from 1 April to 31 March of Indian time."""
    day = indian_day(now)
    first = day.year if day.month >= 4 else day.year - 1
    return f"{first}-{(first + 1) % 100:02d}"


def next_number(kind: InvoiceKind, now: datetime) -> tuple[InvoiceSeries, str]:
    """Raise the counter and give it with the number it stands for. A step.

    Whoever comes next waits until this transaction ends; when it is rolled back, so is the
    counter.
    """
    series = locks.lock_invoice_series(PREFIXES[kind], financial_year(now))
    series.last += 1
    series.save(update_fields=["last"])
    return series, number_of(series)


def number_of(series: InvoiceSeries) -> str:
    """`NV2627/000001`: at most 16 characters up to the billionth document of a year."""
    first, last = series.financial_year.split("-")
    return f"{series.prefix}{first[2:]}{last}/{series.last:06d}"
