"""The ledger in Django admin: where each paisa of an order is, and the proofs that it is there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from notevault.kit import money
from ops.admin import ReadOnlyAdmin, ReadOnlyRows
from payments import payouts
from payments.models import (
    Dispute,
    LedgerAccount,
    LedgerEntry,
    LedgerProof,
    LedgerTransaction,
    Order,
    Payment,
    Payout,
    Refund,
)


class EntryRows(ReadOnlyRows):
    model = LedgerEntry
    fields = ("account", "item", "amount", "balance_after", "at")
    readonly_fields = fields
    ordering = ("id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("account", "item")

    @admin.display(description="Amount")
    def amount(self, entry: LedgerEntry) -> str:
        return money.format_inr(entry.amount_paise)

    @admin.display(description="Balance after")
    def balance_after(self, entry: LedgerEntry) -> str:
        return money.format_inr(entry.balance_after_paise)


@admin.register(LedgerTransaction)
class LedgerTransactionAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "subject_id", "order", "entries", "why")
    list_filter = ("kind",)
    search_fields = ("id",)
    search_help_text = (
        "The id of an order, a payment, a refund, a dispute or a payout, ours or the gateway's; "
        "a payout's reference or UTR."
    )
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    inlines = (EntryRows,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("order").prefetch_related("entries__account")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By indexes: the ledger is long, and a search in its text would read it all."""
        if not search_term:
            return queryset, False
        ids = _named(search_term.strip())
        about = Q(pk__in=ids) | Q(subject_id__in=ids) | Q(order_id__in=ids)
        return queryset.filter(about), False

    @admin.display(description="Entries")
    def entries(self, transaction: LedgerTransaction) -> str:
        return ", ".join(
            f"{entry.account.kind} {money.format_inr(entry.amount_paise)}"
            for entry in transaction.entries.all()
        )


def _named(text: str) -> list[UUID]:
    """The rows that a person may mean by one of our ids, the gateway's or the bank's."""
    try:
        return [UUID(text)]
    except ValueError:
        pass
    return [
        *Payment.objects.filter(gateway_payment_id=text).values_list("order_id", flat=True),
        *Refund.objects.filter(gateway_refund_id=text).values_list("pk", flat=True),
        *Dispute.objects.filter(gateway_dispute_id=text).values_list("pk", flat=True),
        *Order.objects.filter(gateway_order_id=text).values_list("pk", flat=True),
        *_payouts(text),
    ]


def _payouts(text: str) -> list[UUID]:
    """By their reference of any attempt, by their code alone, or by the bank's reference."""
    code = payouts.code_of(text) or text.upper()
    named = Q(code=code) | (Q(utr=text.upper()) & ~Q(utr=""))
    return list(Payout.objects.filter(named).values_list("pk", flat=True))


@admin.register(LedgerAccount)
class LedgerAccountAdmin(ReadOnlyAdmin):
    list_display = ("kind", "owner", "balance", "currency")
    list_filter = ("kind", "currency")
    list_select_related = ("owner",)
    search_fields = ("owner__email",)
    ordering = ("kind", "id")

    @admin.display(description="Balance", ordering="balance_paise")
    def balance(self, account: LedgerAccount) -> str:
        return money.format_inr(account.balance_paise)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "account", "amount", "balance_after", "transaction", "item")
    list_filter = ("account__kind",)
    list_select_related = ("account", "transaction", "item")
    ordering = ("-id",)

    @admin.display(description="Amount", ordering="amount_paise")
    def amount(self, entry: LedgerEntry) -> str:
        return money.format_inr(entry.amount_paise)

    @admin.display(description="Balance after")
    def balance_after(self, entry: LedgerEntry) -> str:
        return money.format_inr(entry.balance_after_paise)


@admin.register(LedgerProof)
class LedgerProofAdmin(ReadOnlyAdmin):
    list_display = ("ran_at", "broken", "first_broken", "seconds")
    ordering = ("-ran_at",)


def link_to_ledger(order: Order) -> SafeString:
    """Every transaction of an order."""
    pages = reverse("admin:payments_ledgertransaction_changelist")
    return format_html('<a href="{}?q={}">Its transactions</a>', pages, order.pk)
