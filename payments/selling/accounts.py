"""Which ledger accounts are a seller's."""

from __future__ import annotations

from uuid import UUID

from payments.models import LedgerAccount
from payments.states import AccountKind


def accounts_of(seller_id: UUID, *kinds: AccountKind) -> dict[int, AccountKind]:
    """Ids, oldest first. Entries asked for by these are found by their index, whatever the
    planner thinks of a join."""
    accounts = LedgerAccount.objects.filter(owner_id=seller_id, kind__in=kinds)
    rows = accounts.order_by("pk").values_list("pk", "kind")
    return {pk: AccountKind(kind) for pk, kind in rows}
