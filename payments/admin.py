"""Orders and money in Django admin: read-only, with their history and what staff decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from notevault.kit import clock, money
from ops.admin import HistoryInline, ReadOnlyAdmin, ReadOnlyRows, staff_id
from payments import coupon_admin as _coupon_admin  # noqa: F401 its page is found through this module
from payments import payout_admin as _payout_admin  # noqa: F401 its pages are found here
from payments import refunds
from payments.disputes import admin as _disputes  # noqa: F401 registers the queue
from payments.invoice_admin import InvoiceAdmin
from payments.ledger_admin import link_to_ledger
from payments.models import (
    BreakMove,
    Invoice,
    Order,
    OrderItem,
    OrderMove,
    Payment,
    PaymentMove,
    ReconciliationBreak,
    ReconciliationRun,
    Refund,
    RefundMove,
    WebhookEvent,
)
from payments.reconciliation.breaks import close_break
from payments.refund_desk import RefundsOrders, RequestRows
from payments.settlement import accept_quarantined
from payments.timeline.page import story_as_html


class OrderHistory(HistoryInline):
    model = OrderMove


class PaymentHistory(HistoryInline):
    model = PaymentMove


class RefundHistory(HistoryInline):
    model = RefundMove


class ItemRows(ReadOnlyRows):
    model = OrderItem
    fields = (
        "title",
        "price_paise",
        "discount_paise",
        "coupon_discount_paise",
        "paid_paise",
        "outcome",
    )


class PaymentRows(ReadOnlyRows):
    model = Payment
    fields = ("gateway_payment_id", "state", "amount_paise", "method", "settles", "captured_at")
    show_change_link = True


class RefundRows(ReadOnlyRows):
    model = Refund
    fields = ("state", "amount_paise", "why", "gateway_refund_id", "processed_at")
    show_change_link = True


@admin.register(Order)
class OrderAdmin(RefundsOrders, ReadOnlyAdmin):
    list_display = ("id", "buyer", "state", "total", "created_at", "paid_at")
    list_filter = ("state",)
    search_fields = ("id", "buyer__email", "gateway_order_id", "payments__gateway_payment_id")
    list_select_related = ("buyer",)
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (ItemRows, PaymentRows, RequestRows, OrderHistory)
    readonly_fields = ("story", "ledger")

    @admin.display(description="Where the money is")
    def story(self, order: Order) -> str:
        return story_as_html(order.pk)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        if request.user.has_perm("payments.view_ledgertransaction"):
            return fields
        return [name for name in fields if name != "ledger"]

    @admin.display(description="Ledger")
    def ledger(self, order: Order) -> str:
        return link_to_ledger(order)

    @admin.display(description="Total", ordering="total_paise")
    def total(self, order: Order) -> str:
        return money.format_inr(order.total_paise)


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ("gateway_payment_id", "state", "amount", "method", "settles", "created_at")
    list_filter = ("state", "method")
    search_fields = ("gateway_payment_id", "order__id", "order__buyer__email")
    ordering = ("-created_at",)
    inlines = (RefundRows, PaymentHistory)
    actions = ("accept", "give_back")

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("payments.resolve_quarantine")

    @admin.action(description="Accept what is in quarantine", permissions=["resolve"])
    def accept(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def accept_one(payment: Payment) -> None:
            accept_quarantined(payment_id=payment.pk, actor_id=staff_id(request), now=clock.now())

        self.for_each(request, rows, accept_one, "accepted: their orders are fulfilled")

    @admin.action(description="Give back what bought nothing", permissions=["resolve"])
    def give_back(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def give_back_one(payment: Payment) -> None:
            refunds.give_back_rest(
                payment_id=payment.pk, actor_id=staff_id(request), now=clock.now()
            )

        self.for_each(request, rows, give_back_one, "on the way back")

    @admin.display(description="Amount", ordering="amount_paise")
    def amount(self, payment: Payment) -> str:
        return money.format_inr(payment.amount_paise)


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    list_display = ("id", "payment", "state", "amount", "why", "created_at", "processed_at")
    list_filter = ("state",)
    list_select_related = ("payment",)
    search_fields = ("id", "gateway_refund_id", "payment__gateway_payment_id")
    ordering = ("-created_at",)
    inlines = (RefundHistory,)

    @admin.display(description="Amount", ordering="amount_paise")
    def amount(self, refund: Refund) -> str:
        return money.format_inr(refund.amount_paise)


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


admin.site.register(Invoice, InvoiceAdmin)
