"""What disputes hold of a payment. Steps on a locked order and payment.

Refunds come first, whichever was heard of first: their money is with the buyer, or on its
way. A dispute holds of its claim what refunds and the disputes before it leave; a lost one
keeps that, and what the gateway took beyond it the house bears, never the seller. So it does
not matter in which order the news of refunds and disputes arrives.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from alerts.models import Severity
from alerts.services import raise_alert
from ops import jobs
from payments import locks, reversals
from payments.ledger import journal
from payments.models import Dispute, Payment
from payments.states import DisputeState


def fit(*, payment: Payment, now: datetime, room_paise: int = 0) -> None:
    """Have each dispute of the payment hold as much of its claim as there is.

    `room_paise` is kept free for a refund that is counted next. One that is won or closed
    lets go. A lost one that gives way has been taken twice, and staff are told.
    """
    free = payment.amount_paise - payment.given_back_paise - room_paise
    targets: list[tuple[Dispute, int]] = []
    # What is lost is gone; what is live may still be won.
    disputes = sorted(locks.lock_disputes(payment), key=lambda dispute: dispute.is_live)
    for dispute in disputes:
        target = max(0, min(dispute.claim_paise, free))
        free -= target
        if target != dispute.held_paise:
            targets.append((dispute, target))
    if not targets:
        return
    journal.lock_accounts_of(payment)
    was_held = {dispute.pk: dispute.held_paise for dispute, _ in targets}
    for dispute, _ in targets:
        _let_go(dispute, payment, now)
    for dispute, target in targets:
        _hold(dispute, payment, target, now)
        if dispute.state == DisputeState.LOST:
            credit(dispute)
            if target < was_held[dispute.pk]:
                tell_if_taken_twice(dispute, payment, now)


def credit(dispute: Dispute) -> None:
    """Have a job write the buyer's note of what a lost dispute takes from the lines now."""
    jobs.defer(
        "payments.tasks.issue_credit_note",
        once_per=f"credit-dispute:{dispute.pk}",
        dispute_id=str(dispute.pk),
    )


def tell_if_taken_twice(dispute: Dispute, payment: Payment, now: datetime) -> None:
    beyond = dispute.deducted_paise - dispute.held_paise
    if beyond <= 0:
        return
    raise_alert(
        kind="payments.taken_twice",
        severity=Severity.CRITICAL,
        message=(
            f"The gateway took {dispute.deducted_paise} paise for a lost dispute: {beyond} more "
            "than refunds had left. The house bears them, not the seller; claim them back."
        ),
        metadata={
            "dispute_id": dispute.gateway_dispute_id,
            "payment_id": payment.gateway_payment_id,
        },
        dedupe_key=f"taken-twice:{dispute.pk}:{beyond}",
        now=now,
    )


def _let_go(dispute: Dispute, payment: Payment, now: datetime) -> None:
    if not dispute.held_paise:
        return
    undone = reversals.undo(dispute.reversals.filter(undone_at=None), now=now)
    journal.record_dispute_released(dispute=dispute, payment=payment, reversals=undone, now=now)
    _count(payment, dispute, 0)


def _hold(dispute: Dispute, payment: Payment, amount_paise: int, now: datetime) -> None:
    if not amount_paise:
        return
    lines = reversals.allocate(order=payment.order, payment=payment, amount_paise=amount_paise)
    taken = reversals.reverse_lines(lines=lines, dispute=dispute, now=now)
    _count(payment, dispute, amount_paise)
    journal.record_dispute_held(dispute=dispute, payment=payment, reversals=taken, now=now)


def _count(payment: Payment, dispute: Dispute, held_paise: int) -> None:
    more = held_paise - dispute.held_paise
    dispute.held_paise = held_paise
    payment.disputed_paise += more
    Dispute.objects.filter(pk=dispute.pk).update(held_paise=held_paise)
    Payment.objects.filter(pk=payment.pk).update(disputed_paise=F("disputed_paise") + more)
