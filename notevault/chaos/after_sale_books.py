"""Our books of what comes after a sale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, F, Q, Sum

from notevault.chaos.state import (
    OurCoupon,
    OurDispute,
    OurInvoice,
    OurPayout,
    OurRequest,
    OurReversal,
    OurSeller,
    OurUse,
)
from payments.models import (
    Coupon,
    CouponUse,
    Dispute,
    Invoice,
    LedgerAccount,
    LedgerEntry,
    Payout,
    RefundRequest,
    Reversal,
)
from payments.states import (
    AccountKind,
    CouponUseState,
    RequestState,
    TransactionKind,
)

YES = (RequestState.ENDORSED, RequestState.APPROVED)
INVOICE = ("series__prefix", "serial", "order_id", "kind")


def read() -> dict[str, Any]:
    return {
        "reversals": list(_reversals()),
        "requests": list(_requests()),
        "disputes": list(_disputes()),
        "payouts": list(_payouts()),
        "sellers": list(_sellers()),
        "coupons": list(_coupons()),
        "uses": [OurUse(*row) for row in CouponUse.objects.values_list("order_id", "state")],
        "invoices": [OurInvoice(*row) for row in Invoice.objects.values_list(*INVOICE)],
    }


def _reversals() -> Iterator[OurReversal]:
    for row in Reversal.objects.filter(undone_at=None).select_related("dispute"):
        yield OurReversal(
            line_id=row.item_id,
            amount_paise=row.amount_paise,
            refund_key=row.refund_id.hex if row.refund_id else "",
            dispute_id=row.dispute.gateway_dispute_id if row.dispute else "",
        )


def _requests() -> Iterator[OurRequest]:
    for request in RefundRequest.objects.prefetch_related("moves"):
        yield OurRequest(
            id=request.pk,
            order_id=request.order_id,
            state=request.state,
            amount_paise=request.amount_paise,
            decider=request.decider,
            approvers=frozenset(
                move.actor_id for move in request.moves.all() if move.new in YES and move.actor_id
            ),
        )


def _disputes() -> Iterator[OurDispute]:
    for dispute in Dispute.objects.select_related("payment"):
        yield OurDispute(
            id=dispute.gateway_dispute_id,
            key=dispute.pk.hex,
            payment_id=dispute.payment.gateway_payment_id,
            state=dispute.state,
            deducted_paise=dispute.deducted_paise,
        )


def _payouts() -> Iterator[OurPayout]:
    taken = LedgerEntry.objects.filter(
        transaction__kind=TransactionKind.PAYOUT_REQUESTED,
        account__kind=AccountKind.SELLER_AVAILABLE,
    )
    left = dict(taken.values_list("transaction__subject_id", "balance_after_paise"))
    for payout in Payout.objects.all():
        yield OurPayout(
            id=payout.pk,
            code=payout.code,
            seller_id=payout.seller_id,
            state=payout.state,
            amount_paise=payout.amount_paise,
            utr=payout.utr,
            balance_paise=left[payout.pk],
        )


def _sellers() -> Iterator[OurSeller]:
    """Of everybody who has an account in the ledger."""
    released = LedgerEntry.objects.filter(
        transaction__kind=TransactionKind.ESCROW_RELEASE,
        account__kind=AccountKind.SELLER_AVAILABLE,
    )
    sums = released.values(owner=F("account__owner_id")).annotate(paise=Sum("amount_paise"))
    earned = {row["owner"]: row["paise"] for row in sums}
    accounts = LedgerAccount.objects.filter(kind=AccountKind.PAYOUTS_IN_TRANSIT)
    transit = dict(accounts.values_list("owner_id", "balance_paise"))
    for owner in earned.keys() | transit.keys():
        yield OurSeller(owner, earned.get(owner, 0), transit.get(owner, 0))


def _coupons() -> Iterator[OurCoupon]:
    """Uses that were given back and spent after all are late, and allowed."""
    in_time = Q(coupon_uses__state=CouponUseState.RESERVED) | Q(
        coupon_uses__state=CouponUseState.SPENT, coupon_uses__given_back_at=None
    )
    limited = Coupon.objects.filter(max_uses__isnull=False)
    for coupon in limited.annotate(in_time=Count("coupon_uses", filter=in_time)):
        yield OurCoupon(coupon.code, coupon.max_uses or 0, coupon.in_time)
