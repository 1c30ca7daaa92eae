"""The double-entry ledger: accounts, transactions that sum to zero, and their entries.

A credit is positive: what we owe or have earned. A debit is negative: what others hold for
us, or what we paid. So a seller's balance reads as it is, and `gateway_clearing` is minus
what the gateway holds for us.

The database keeps it honest, whoever writes (migration 0008): an entry adds its amount to
its account's balance as it is inserted, a transaction whose entries do not sum to zero
cannot commit, and neither can be updated or deleted.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from notevault.kit import money
from notevault.kit.ids import uuid7
from payments.models.orders import Order, OrderItem
from payments.states import ONCE, OWNED_ACCOUNTS, AccountKind, TransactionKind


class LedgerAccount(models.Model):
    """One place where money can be; `balance_paise` is the sum of its entries."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=24, choices=AccountKind)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(max_length=3, default=money.CURRENCY)
    balance_paise = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "kind", "currency"],
                name="one_account_of_a_kind",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="sellers_accounts_have_owners",
                condition=Q(kind__in=OWNED_ACCOUNTS, owner__isnull=False)
                | (~Q(kind__in=OWNED_ACCOUNTS) & Q(owner__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.owner_id or ''}".strip()


class LedgerTransaction(models.Model):
    """One business event. `subject_id` is the row that it is about: a payment, a refund, a
    dispute, an order line or a payout."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=TransactionKind)
    subject_id = models.UUIDField()
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="+")
    currency = models.CharField(max_length=3, default=money.CURRENCY)
    why = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id", "kind"], condition=Q(kind__in=ONCE), name="money_moves_once"
            )
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="ledger_of_subject"),
            models.Index(fields=["-at"], name="ledger_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}"


class LedgerEntry(models.Model):
    """One side of a transaction. Entries of an account are in the order of their ids."""

    id = models.BigAutoField(primary_key=True)
    transaction = models.ForeignKey(
        LedgerTransaction, on_delete=models.PROTECT, related_name="entries"
    )
    account = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,  # its longer indexes serve
    )
    item = models.ForeignKey(
        OrderItem,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The order line that it is about.",
    )
    amount_paise = models.BigIntegerField()
    balance_after_paise = models.BigIntegerField(
        default=0, db_default=0, help_text="Of the account; written by the database."
    )
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        constraints = [
            models.CheckConstraint(name="entry_moves_something", condition=~Q(amount_paise=0))
        ]
        indexes = [
            models.Index(fields=["account", "-id"], name="entries_of_account"),
            models.Index(fields=["account", "at"], name="entries_of_account_by_time"),
        ]

    def __str__(self) -> str:
        return money.format_inr(self.amount_paise)
