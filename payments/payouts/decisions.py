"""What staff decide of one payout, which is never their own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notevault.kit.errors import DomainError
from ops.transactions import use_case
from payments import locks, mails
from payments.ledger.posting import post
from payments.models import Payout
from payments.payouts import postings
from payments.payouts.own import refuse_own
from payments.states import PayoutState


class PayoutMoveRefused(DomainError):
    code = "payout_move_refused"


@use_case
def approve_payout(*, payout_id: UUID, actor_id: UUID, now: datetime) -> Payout:
    """It may go into the bank's next file.

    Raises OwnPayout, and PayoutMoveRefused unless it is requested.
    """
    payout = _locked(payout_id, actor_id, PayoutState.REQUESTED, deed="approved")
    payout.move(
        PayoutState.APPROVED, why="approved by staff", now=now, actor_id=actor_id, decided_at=now
    )
    return payout


@use_case
def reject_payout(*, payout_id: UUID, why: str, actor_id: UUID, now: datetime) -> Payout:
    """Give the money back to the seller's available balance.

    Raises OwnPayout, and PayoutMoveRefused for one that is with the bank, paid or rejected already.
    """
    payout = _locked(
        payout_id,
        actor_id,
        PayoutState.REQUESTED,
        PayoutState.APPROVED,
        PayoutState.FAILED,
        deed="rejected",
    )
    payout.move(
        PayoutState.REJECTED,
        why=why,
        now=now,
        actor_id=actor_id,
        decided_at=now,
        refused_why=why,
    )
    mails.tell(kind=mails.MailKind.PAYOUT_REJECTED, subject_id=payout.pk)
    post([postings.undone(payout, why=why)], now=now)
    return payout


@use_case
def fail_payout(*, payout_id: UUID, why: str, actor_id: UUID, now: datetime) -> Payout:
    """The bank did not do it. Its money stays in transit until it is sent again or rejected.

    Raises OwnPayout, and PayoutMoveRefused unless it is with the bank.
    """
    payout = _locked(payout_id, actor_id, PayoutState.EXPORTED, deed="marked as failed")
    payout.move(PayoutState.FAILED, why=why, now=now, actor_id=actor_id, refused_why=why)
    return payout


@use_case
def retry_payout(*, payout_id: UUID, actor_id: UUID, now: datetime) -> Payout:
    """A failed one may go into the bank's next file, under another reference.

    Raises OwnPayout, and PayoutMoveRefused unless it has failed.
    """
    payout = _locked(payout_id, actor_id, PayoutState.FAILED, deed="sent again")
    payout.move(
        PayoutState.APPROVED,
        why=f"to be sent again after attempt {payout.attempt}",
        now=now,
        actor_id=actor_id,
        attempt=payout.attempt + 1,
        batch=None,
        exported_at=None,
        refused_why="",
    )
    return payout


@use_case
def return_payout(*, payout_id: UUID, why: str, actor_id: UUID, now: datetime) -> Payout:
    """The seller's bank sent back what was paid: it is in the seller's balance again, and
    may be asked for anew.

    Raises OwnPayout, and PayoutMoveRefused unless it is paid.
    """
    payout = _locked(payout_id, actor_id, PayoutState.PAID, deed="returned by the bank")
    payout.move(PayoutState.RETURNED, why=why, now=now, actor_id=actor_id, refused_why=why)
    mails.tell(kind=mails.MailKind.PAYOUT_RETURNED, subject_id=payout.pk)
    post([postings.returned(payout, why=why), postings.undone(payout, why=why)], now=now)
    return payout


def _locked(payout_id: UUID, actor_id: UUID, *allowed: PayoutState, deed: str) -> Payout:
    payout = locks.lock_payout(payout_id)
    refuse_own(payout, actor_id)
    if payout.state not in allowed:
        raise PayoutMoveRefused(f"It is {payout.state}, so it cannot be {deed}.")
    return payout
