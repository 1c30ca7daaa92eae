"""The one way into the ledger: a transaction and its entries, which sum to zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from notevault.kit import money
from payments import locks
from payments.models import LedgerEntry, LedgerTransaction
from payments.states import AccountKind, TransactionKind


@dataclass(frozen=True)
class Leg:
    """One entry to be made: a credit is positive, a debit negative."""

    kind: AccountKind
    amount_paise: int
    owner_id: UUID | None = None
    item_id: UUID | None = None

    def reversed(self) -> Leg:
        return Leg(self.kind, -self.amount_paise, self.owner_id, self.item_id)


class Unbalanced(Exception):
    """The legs do not sum to zero. A bug in the caller; the database would refuse it too."""


def post(
    *,
    kind: TransactionKind,
    subject_id: UUID,
    legs: Sequence[Leg],
    now: datetime,
    order_id: UUID | None = None,
    currency: str = money.CURRENCY,
    why: str = "",
) -> LedgerTransaction | None:
    """Write one transaction; None when no leg moves anything.

    A step. It locks the accounts in the order of their ids until the transaction around it
    ends, and some of them are everybody's: call it last. The database refuses the second
    one of a kind that happens once to its subject (`states.ONCE`).
    """
    moving = [leg for leg in legs if leg.amount_paise]
    if sum(leg.amount_paise for leg in moving):
        raise Unbalanced(f"{kind} of {subject_id}")
    if not moving:
        return None
    accounts = locks.lock_accounts({(leg.kind, leg.owner_id) for leg in moving}, currency=currency)
    transaction = LedgerTransaction.objects.create(
        kind=kind,
        subject_id=subject_id,
        order_id=order_id,
        currency=currency,
        why=why[:200],
        at=now,
    )
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                transaction=transaction,
                account_id=accounts[leg.kind, leg.owner_id],
                item_id=leg.item_id,
                amount_paise=leg.amount_paise,
                at=now,
            )
            for leg in moving
        ]
    )
    return transaction


def is_posted(*, kind: TransactionKind, subject_id: UUID) -> bool:
    return LedgerTransaction.objects.filter(subject_id=subject_id, kind=kind).exists()
