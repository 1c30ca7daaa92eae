"""The one way into the ledger: transactions and their entries, which sum to zero."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
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
        return replace(self, amount_paise=-self.amount_paise)


@dataclass(frozen=True)
class Posting:
    """A transaction to be made. `subject_id` is the row that it is about."""

    kind: TransactionKind
    subject_id: UUID
    legs: Sequence[Leg]
    order_id: UUID | None = None
    currency: str = money.CURRENCY
    why: str = ""

    def places(self) -> set[locks.Place]:
        return {(leg.kind, leg.owner_id, self.currency) for leg in self.legs}

    def moving(self) -> Posting:
        return replace(self, legs=[leg for leg in self.legs if leg.amount_paise])


class Unbalanced(Exception):
    """The legs do not sum to zero. A bug in the caller; the database would refuse it too."""


def post(postings: Iterable[Posting], *, now: datetime) -> None:
    """Write these transactions, without the legs that move nothing; one without any is none.

    A step. It locks the accounts in the order of their ids until the transaction around it
    ends, and some of them are everybody's: call it last, and once. Three queries for any
    number of transactions. The database refuses the second one of a kind that happens once
    to its subject (`states.ONCE`).
    """
    wanted = [moving for posting in postings if (moving := posting.moving()).legs]
    for posting in wanted:
        if sum(leg.amount_paise for leg in posting.legs):
            raise Unbalanced(f"{posting.kind} of {posting.subject_id}")
    if not wanted:
        return
    accounts = locks.lock_accounts(set().union(*(posting.places() for posting in wanted)))
    made = LedgerTransaction.objects.bulk_create([_transaction(p, now) for p in wanted])
    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                transaction=transaction,
                account_id=accounts[leg.kind, leg.owner_id, posting.currency],
                item_id=leg.item_id,
                amount_paise=leg.amount_paise,
                at=now,
            )
            for posting, transaction in zip(wanted, made, strict=True)
            for leg in posting.legs
        ]
    )


def _transaction(posting: Posting, now: datetime) -> LedgerTransaction:
    return LedgerTransaction(
        kind=posting.kind,
        subject_id=posting.subject_id,
        order_id=posting.order_id,
        currency=posting.currency,
        why=posting.why[:200],
        at=now,
    )


def kinds_posted(subject_id: UUID) -> set[str]:
    """What the ledger holds already of a payment, a refund or another subject."""
    posted = LedgerTransaction.objects.filter(subject_id=subject_id)
    return set(posted.values_list("kind", flat=True))
