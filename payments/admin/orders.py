"""Orders and money in Django admin: read-only, with their history and what staff decide."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from notevault.kit import clock, money
from ops.admin import HistoryInline, ReadOnlyAdmin, ReadOnlyRows, shown_once, staff_id
from payments import refunds
from payments.admin.ledger import link_to_ledger
from payments.admin.refunds import RefundsOrders, RequestRows
from payments.admin.rupees import AMOUNT, rupees
from payments.models import (
    Order,
    OrderItem,
    OrderMove,
    Payment,
    PaymentMove,
    Refund,
    RefundMove,
)
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
    hide_title = True
    fields = (
        "title",
        rupees("price_paise", "Price"),
        rupees("discount_paise", "Discount"),
        rupees("coupon_discount_paise", "Of it by coupon"),
        rupees("paid_paise", "Paid"),
        "outcome",
    )
    readonly_fields = fields


class PaymentRows(ReadOnlyRows):
    model = Payment
    fields = ("gateway_payment_id", "state", AMOUNT, "method", "settles", "captured_at")
    readonly_fields = fields
    show_change_link = True


class RefundRows(ReadOnlyRows):
    model = Refund
    fields = ("state", AMOUNT, "why", "gateway_refund_id", "processed_at")
    readonly_fields = fields
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
    @shown_once
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
