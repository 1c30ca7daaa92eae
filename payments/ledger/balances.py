"""What is in an account: the balance that the database keeps beside its entries."""

from __future__ import annotations

from uuid import UUID

from notevault.kit import money
from payments.models import LedgerAccount
from payments.states import AccountKind


def balance_paise(
    *, kind: AccountKind, owner_id: UUID | None = None, currency: str = money.CURRENCY
) -> int:
    """One row by its index, whatever the history; 0 for an account that has none yet."""
    account = LedgerAccount.objects.filter(kind=kind, owner_id=owner_id, currency=currency)
    return account.values_list("balance_paise", flat=True).first() or 0


def balances_of(owner_id: UUID, *, currency: str = money.CURRENCY) -> dict[str, int]:
    """All balances of one seller by kind, in one query."""
    accounts = LedgerAccount.objects.filter(owner_id=owner_id, currency=currency)
    return dict(accounts.values_list("kind", "balance_paise"))
