"""Reads of what mails are about."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from payments.mails.kinds import ABOUT_PAYOUTS, ABOUT_REFUNDS, ABOUT_REQUESTS, MailKind
from payments.models import LedgerEntry, OrderItem, Refund, RefundRequest
from payments.states import AccountKind, TransactionKind


@dataclass(frozen=True)
class PostedPayout:
    seller_id: UUID
    amount_paise: int


def recipient_of(kind: MailKind, subject_id: UUID) -> UUID:
    """The one person whom a mail of this kind goes to."""
    if kind in ABOUT_REQUESTS:
        return RefundRequest.objects.values_list("buyer_id", flat=True).get(pk=subject_id)
    if kind in ABOUT_REFUNDS:
        buyers = Refund.objects.values_list("payment__order__buyer_id", flat=True)
        return buyers.get(pk=subject_id)
    if kind in ABOUT_PAYOUTS:
        return posted_payout(subject_id).seller_id
    raise ValueError(f"a {kind} mail goes to several people")


def posted_payout(payout_id: UUID) -> PostedPayout:
    """What the ledger says of a payout: it knows of each that was ever asked for."""
    seller_id, amount_paise = LedgerEntry.objects.values_list(
        "account__owner_id", "amount_paise"
    ).get(
        transaction__subject_id=payout_id,
        transaction__kind=TransactionKind.PAYOUT_REQUESTED,
        account__kind=AccountKind.PAYOUTS_IN_TRANSIT,
    )
    assert seller_id is not None  # noqa: S101 such accounts have owners, says the database
    return PostedPayout(seller_id, amount_paise)


def sellers_of(order_id: UUID) -> list[UUID]:
    """Those with a line that was sold, also if it has gone back since."""
    sold = OrderItem.objects.filter(order_id=order_id, release_at__isnull=False)
    return list(sold.order_by("seller_id").values_list("seller_id", flat=True).distinct())
