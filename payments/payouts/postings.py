"""What each event of a payout moves in the ledger."""

from __future__ import annotations

from payments.ledger.posting import Leg, Posting
from payments.models import Payout
from payments.states import AccountKind, TransactionKind


def requested(payout: Payout) -> Posting:
    return Posting(TransactionKind.PAYOUT_REQUESTED, payout.pk, _into_transit(payout))


def undone(payout: Payout, *, why: str) -> Posting:
    """The money is the seller's own again."""
    legs = [leg.reversed() for leg in _into_transit(payout)]
    return Posting(TransactionKind.PAYOUT_UNDONE, payout.pk, legs, why=why)


def paid(payout: Payout) -> Posting:
    legs = _out_of_transit(payout)
    return Posting(TransactionKind.PAYOUT_PAID, payout.pk, legs, why=f"UTR {payout.utr}")


def returned(payout: Payout, *, why: str) -> Posting:
    """In transit once more; `undone` takes it from there."""
    legs = [leg.reversed() for leg in _out_of_transit(payout)]
    return Posting(TransactionKind.PAYOUT_RETURNED, payout.pk, legs, why=why)


def _into_transit(payout: Payout) -> list[Leg]:
    return [
        Leg(AccountKind.SELLER_AVAILABLE, -payout.amount_paise, owner_id=payout.seller_id),
        Leg(AccountKind.PAYOUTS_IN_TRANSIT, payout.amount_paise, owner_id=payout.seller_id),
    ]


def _out_of_transit(payout: Payout) -> list[Leg]:
    return [
        Leg(AccountKind.PAYOUTS_IN_TRANSIT, -payout.amount_paise, owner_id=payout.seller_id),
        Leg(AccountKind.BANK, payout.amount_paise),
    ]
