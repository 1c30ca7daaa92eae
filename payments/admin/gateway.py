"""What the gateway told us, and how its books differ from ours, in Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from notevault.kit import clock, money
from ops.admin import HistoryInline, ReadOnlyAdmin, staff_id
from payments.models import BreakMove, ReconciliationBreak, ReconciliationRun, WebhookEvent
from payments.reconciliation.breaks import close_break


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    list_display = ("event", "state", "outcome", "created_at", "received_at", "handled_at")
    list_filter = ("state", "event")
    search_fields = ("event_id",)
    ordering = ("-received_at",)


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(ReadOnlyAdmin):
    list_display = (
        "started_at",
        "first_day",
        "last_day",
        "state",
        "payments",
        "refunds",
        "settled",
        "healed",
        "open",
        "outcome",
    )
    list_filter = ("state",)
    ordering = ("-started_at",)


class BreakHistory(HistoryInline):
    model = BreakMove


@admin.register(ReconciliationBreak)
class ReconciliationBreakAdmin(ReadOnlyAdmin):
    list_display = (
        "gateway_id",
        "subject",
        "kind",
        "state",
        "difference",
        "details",
        "utr",
        "first_seen_at",
        "last_seen_at",
    )
    list_filter = ("state", "kind", "subject")
    search_fields = ("gateway_id", "utr", "settlement_id")
    ordering = ("-last_seen_at",)
    inlines = (BreakHistory,)
    actions = ("close",)

    @admin.display(description="Difference", ordering="difference_paise")
    def difference(self, row: ReconciliationBreak) -> str:
        return money.format_inr(row.difference_paise)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.close_break")

    @admin.action(description="Close…", permissions=["close"])
    def close(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        why = self.ask_why(
            request,
            rows,
            title="Close",
            explanation="They stay closed for as long as their figures are the same.",
        )
        if isinstance(why, HttpResponse):
            return why

        def close_one(row: ReconciliationBreak) -> None:
            close_break(break_id=row.pk, staff_id=staff_id(request), why=why, now=clock.now())

        self.for_each(request, rows, close_one, "closed")
        return None
