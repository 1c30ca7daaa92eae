"""The kinds of mail, and the row that each is about."""

from django.db import models


class MailKind(models.TextChoices):
    # About an order: to its buyer, and to each seller.
    RECEIPT = "receipt"
    SALE = "sale"
    # About a refund request, to its buyer.
    REFUND_ASKED = "refund_asked"
    REFUND_APPROVED = "refund_approved"
    REFUND_REJECTED = "refund_rejected"
    # About a refund, to its buyer.
    REFUND_COMPLETED = "refund_completed"
    REFUND_FAILED = "refund_failed"
    # About a payout, to its seller.
    PAYOUT_REQUESTED = "payout_requested"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_REJECTED = "payout_rejected"
    PAYOUT_RETURNED = "payout_returned"


ABOUT_REQUESTS = (
    MailKind.REFUND_ASKED,
    MailKind.REFUND_APPROVED,
    MailKind.REFUND_REJECTED,
)
ABOUT_REFUNDS = (MailKind.REFUND_COMPLETED, MailKind.REFUND_FAILED)
ABOUT_PAYOUTS = (
    MailKind.PAYOUT_REQUESTED,
    MailKind.PAYOUT_PAID,
    MailKind.PAYOUT_REJECTED,
    MailKind.PAYOUT_RETURNED,
)
