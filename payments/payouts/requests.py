"""A seller asks for a part of the available balance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import structlog

from notevault.kit import crash, money
from notevault.kit.errors import DomainError
from ops.transactions import use_case
from payments import locks, mails
from payments.ledger.balances import balance_paise
from payments.ledger.posting import post
from payments.models import Payout
from payments.models.payouts import MIN_PAYOUT_PAISE
from payments.payouts import postings
from payments.states import AccountKind

log = structlog.get_logger("notevault.payouts")


class PayoutTooSmall(DomainError):
    code = "payout_too_small"
    message = f"The smallest payout is {money.format_inr(MIN_PAYOUT_PAISE)}."


class BalanceTooLow(DomainError):
    code = "balance_too_low"

    def __init__(self, available_paise: int) -> None:
        sentence = f"{money.format_inr(available_paise)} is available."
        if available_paise < 0:
            sentence += " Money that went back to buyers is made up for by coming sales first."
        super().__init__(sentence, available_paise=available_paise)


@dataclass(frozen=True)
class Destination:
    """Either a UPI id or the three that name a bank account."""

    upi_id: str = ""
    holder_name: str = ""
    account_number: str = ""
    ifsc: str = ""


@use_case
def request_payout(
    *, seller_id: UUID, amount_paise: int, destination: Destination, now: datetime
) -> Payout:
    """Take an amount out of the seller's available balance; it is in transit until it is
    paid or rejected.

    Raises PayoutTooSmall, BalanceTooLow. Of requests at the same moment each sees the
    balance that the one before has left.
    """
    if amount_paise < MIN_PAYOUT_PAISE:
        raise PayoutTooSmall
    payout = Payout(
        seller_id=seller_id, amount_paise=amount_paise, created_at=now, **asdict(destination)
    )
    posting = postings.requested(payout)
    locks.lock_accounts(posting.places())
    available = balance_paise(kind=AccountKind.SELLER_AVAILABLE, owner_id=seller_id)
    if available < amount_paise:
        raise BalanceTooLow(available)
    payout.save(force_insert=True)
    mails.tell(kind=mails.MailKind.PAYOUT_REQUESTED, subject_id=payout.pk)
    post([posting], now=now)
    crash.point("payout.before_commit")
    log.info("payout.requested", payout_id=str(payout.pk), amount_paise=amount_paise)
    return payout
