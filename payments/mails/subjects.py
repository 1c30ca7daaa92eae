"""Reads of what mails are about."""

from __future__ import annotations

from uuid import UUID

from payments.mails.kinds import ABOUT_PAYOUTS, ABOUT_REFUNDS, ABOUT_REQUESTS, MailKind
from payments.models import OrderItem, Payout, Refund, RefundRequest


def recipient_of(kind: MailKind, subject_id: UUID) -> UUID:
    """The one person whom a mail of this kind goes to."""
    if kind in ABOUT_REQUESTS:
        return RefundRequest.objects.values_list("buyer_id", flat=True).get(pk=subject_id)
    if kind in ABOUT_REFUNDS:
        buyers = Refund.objects.values_list("payment__order__buyer_id", flat=True)
        return buyers.get(pk=subject_id)
    if kind in ABOUT_PAYOUTS:
        return Payout.objects.values_list("seller_id", flat=True).get(pk=subject_id)
    raise ValueError(f"a {kind} mail goes to several people")


def sellers_of(order_id: UUID) -> list[UUID]:
    """Those with a line that was sold, also if it has gone back since."""
    sold = OrderItem.objects.filter(order_id=order_id, release_at__isnull=False)
    return list(sold.order_by("seller_id").values_list("seller_id", flat=True).distinct())
