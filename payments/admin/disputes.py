"""The queue of disputes in Django admin, and the evidence that is drafted for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Value, When
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from notevault.kit import clock, money
from ops.admin import HistoryInline, ReadOnlyAdmin, ReadOnlyRows
from payments.admin.rupees import AMOUNT, rupees
from payments.disputes.evidence import Evidence, draft_evidence
from payments.models import Dispute, DisputeMove, Reversal
from payments.states import LIVE_DISPUTE

DECIDED_LAST = Case(When(state__in=LIVE_DISPUTE, then=Value(0)), default=Value(1))
FORMS = {
    "md": ("text/markdown; charset=utf-8", Evidence.as_markdown),
    "txt": ("text/plain; charset=utf-8", Evidence.as_text),
}


class DisputeHistory(HistoryInline):
    model = DisputeMove


class HeldRows(ReadOnlyRows):
    model = Reversal
    fk_name = "dispute"
    hide_title = True
    fields = (
        "item",
        AMOUNT,
        rupees("seller_share_paise", "From the seller"),
        rupees("commission_paise", "From the commission"),
        rupees("tax_paise", "From the tax"),
        "created_at",
        "undone_at",
    )
    readonly_fields = fields
    ordering = ("created_at", "id")
    verbose_name_plural = "Held, line by line"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("item")


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = (
        "gateway_dispute_id",
        "state",
        "time_left",
        "respond_by",
        "amount",
        "held",
        "phase",
        "reason_code",
        "payment",
        "created_at",
    )
    list_filter = ("state", "phase")
    list_select_related = ("payment",)
    search_fields = (
        "gateway_dispute_id",
        "payment__gateway_payment_id",
        "payment__order__id",
        "payment__order__buyer__email",
    )
    ordering = (DECIDED_LAST, F("respond_by").asc(nulls_last=True))
    fields = (
        "gateway_dispute_id",
        "state",
        "time_left",
        "respond_by",
        "evidence",
        "amount",
        "held",
        "deducted",
        "phase",
        "reason_code",
        "payment",
        "order",
        "created_at",
        "decided_at",
        "settlement_id",
        "settlement_utr",
        "settled_at",
    )
    readonly_fields = fields
    inlines = (HeldRows, DisputeHistory)

    def get_urls(self) -> list[URLPattern]:
        mine = [
            path(
                "<uuid:dispute_id>/evidence/",
                self.admin_site.admin_view(self.show_evidence),
                name="payments_dispute_evidence",
            ),
            path(
                "<uuid:dispute_id>/evidence.<str:form>",
                self.admin_site.admin_view(self.download_evidence),
                name="payments_dispute_evidence_file",
            ),
        ]
        return [*mine, *super().get_urls()]

    def show_evidence(self, request: HttpRequest, dispute_id: UUID) -> HttpResponse:
        evidence = self._draft(request, dispute_id)
        page = {
            **self.admin_site.each_context(request),
            "title": evidence.title,
            "evidence": evidence,
            "markdown_url": _file_url(dispute_id, "md"),
            "text_url": _file_url(dispute_id, "txt"),
        }
        return render(request, "admin/payments/evidence.html", page)

    def download_evidence(self, request: HttpRequest, dispute_id: UUID, form: str) -> HttpResponse:
        if form not in FORMS:
            raise Http404
        content_type, write = FORMS[form]
        text = write(self._draft(request, dispute_id))
        answer = HttpResponse(text, content_type=content_type)
        answer["Content-Disposition"] = f'attachment; filename="evidence-{dispute_id}.{form}"'
        return answer

    def _draft(self, request: HttpRequest, dispute_id: UUID) -> Evidence:
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return draft_evidence(dispute_id=dispute_id, now=clock.now())
        except Dispute.DoesNotExist as error:
            raise Http404 from error

    @admin.display(description="Time left", ordering="respond_by")
    def time_left(self, dispute: Dispute) -> str:
        """Of a live one that has a deadline."""
        if not dispute.is_live or dispute.respond_by is None:
            return ""
        left = dispute.respond_by - clock.now()
        if left < timedelta(0):
            return format_html('<strong class="text-red-600">{}</strong>', "overdue")
        return f"{left // timedelta(hours=1)} h"

    @admin.display(description="Evidence")
    def evidence(self, dispute: Dispute) -> str:
        url = reverse("admin:payments_dispute_evidence", args=[dispute.pk])
        return format_html('<a href="{}">Evidence draft</a>', url)

    @admin.display(description="Order")
    def order(self, dispute: Dispute) -> str:
        url = reverse("admin:payments_order_change", args=[dispute.payment.order_id])
        return format_html('<a href="{}">{}</a>', url, dispute.payment.order_id)

    @admin.display(description="Disputed", ordering="amount_paise")
    def amount(self, dispute: Dispute) -> str:
        return money.format_inr(dispute.amount_paise)

    @admin.display(description="Held", ordering="held_paise")
    def held(self, dispute: Dispute) -> str:
        return money.format_inr(dispute.held_paise)

    @admin.display(description="Deducted")
    def deducted(self, dispute: Dispute) -> str:
        return money.format_inr(dispute.deducted_paise)


def _file_url(dispute_id: UUID, form: str) -> str:
    return reverse("admin:payments_dispute_evidence_file", args=[dispute_id, form])
