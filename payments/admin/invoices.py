"""Invoices in Django admin: to be found, read and printed. Nobody changes one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from notevault.kit import money
from ops.admin import ReadOnlyAdmin
from payments.invoices.paper import pdf_response
from payments.models import Invoice


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "buyer_name", "buyer_state", "total", "issued_at", "paper")
    list_filter = ("kind", "financial_year", "place_of_supply")
    search_fields = ("number", "order__id", "buyer_name", "order__buyer__email")
    date_hierarchy = "issued_at"
    ordering = ("-issued_at",)
    readonly_fields = ("paper",)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.print_it)
        return [
            path("<uuid:invoice_id>/pdf/", page, name="payments_invoice_pdf"),
            *super().get_urls(),
        ]

    def print_it(self, request: HttpRequest, invoice_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        documents = Invoice.objects.select_related("corrects")
        return pdf_response(get_object_or_404(documents, pk=invoice_id))

    @admin.display(description="Total", ordering="total_paise")
    def total(self, invoice: Invoice) -> str:
        return money.format_inr(invoice.total_paise)

    @admin.display(description="Paper")
    def paper(self, invoice: Invoice) -> SafeString:
        return format_html(
            '<a href="{}">PDF</a>', reverse("admin:payments_invoice_pdf", args=[invoice.pk])
        )
