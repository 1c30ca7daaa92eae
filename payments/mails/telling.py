"""Steps that have somebody told of what a transaction does, once it has committed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from ops import jobs
from ops.transactions import use_case
from payments.mails.kinds import MailKind
from payments.mails.subjects import recipient_of, sellers_of
from payments.models import Order, Payout


def tell(*, kind: MailKind, subject_id: UUID) -> None:
    """Mail the buyer of a refund or request, or the seller of a payout. A step."""
    _defer(kind, subject_id, recipient_of(kind, subject_id))


def tell_of_sale(*, order_id: UUID) -> None:
    """Mail the buyer and the sellers of a paid order. A step, of one query."""
    jobs.defer("payments.tasks.mail_sale", order_id=str(order_id))


def tell_of_paid(payout_ids: Sequence[UUID]) -> None:
    """Mail the sellers of these payouts. A step, of one query."""
    ids = [str(payout_id) for payout_id in payout_ids]
    jobs.defer("payments.tasks.mail_paid", payout_ids=ids)


@use_case
def tell_each_of_paid(*, payout_ids: Sequence[UUID]) -> None:
    for payout_id, seller_id in Payout.objects.filter(pk__in=payout_ids).values_list(
        "pk", "seller_id"
    ):
        _defer(MailKind.PAYOUT_PAID, payout_id, seller_id)


@use_case
def tell_each_of_sale(*, order_id: UUID) -> None:
    """One mail to the buyer, and one to each seller."""
    buyer_id = Order.objects.values_list("buyer_id", flat=True).get(pk=order_id)
    _defer(MailKind.RECEIPT, order_id, buyer_id)
    for seller_id in sellers_of(order_id):
        _defer(MailKind.SALE, order_id, seller_id)


def _defer(kind: MailKind, subject_id: UUID, recipient_id: UUID) -> None:
    jobs.defer(
        "payments.tasks.send_mail",
        kind=str(kind),
        subject_id=str(subject_id),
        recipient_id=str(recipient_id),
    )
