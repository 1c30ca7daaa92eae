"""What each event of a sale, a refund or a dispute moves in the ledger. Steps.

The house's parts are one entry a transaction; a seller's are one for each order line, so
that the seller's account reads like a list of sales.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from payments import locks
from payments.ledger import bank
from payments.ledger.posting import Leg, Posting, kinds_posted, post
from payments.models import (
    Dispute,
    Order,
    OrderItem,
    Payment,
    Refund,
    Reversal,
)
from payments.states import AccountKind, TransactionKind

MOVED_BY_RETURNS = (
    AccountKind.GATEWAY_CLEARING,
    AccountKind.GATEWAY_FEES,
    AccountKind.PLATFORM_COMMISSION,
    AccountKind.TAX_PAYABLE,
    AccountKind.REFUNDS_PAYABLE,
    AccountKind.DISPUTE_HOLDS,
)


def record_sale(
    *,
    order: Order,
    payment: Payment,
    granted: Sequence[OrderItem],
    was_captured: bool,
    now: datetime,
) -> None:
    """A payment has bought these lines; what it paid beside them is owed to the buyer.

    One that we knew as captured before was recorded as unearned, and is taken from there.
    Staff may accept less than the order asks for, and then the house bears the difference.
    """
    posted = kinds_posted(payment.pk) if was_captured else set()
    was_unearned = TransactionKind.UNEARNED in posted
    source = AccountKind.REFUNDS_PAYABLE if was_unearned else AccountKind.GATEWAY_CLEARING
    sale = Posting(
        kind=TransactionKind.ACCEPTANCE if was_unearned else TransactionKind.SALE,
        subject_id=payment.pk,
        order_id=order.pk,
        currency=payment.currency,
        legs=[Leg(source, -payment.amount_paise), *_sold(payment, granted)],
    )
    post([sale, *_fee(payment, posted)], now=now)


def record_unearned(*, payment: Payment, why: str, now: datetime) -> None:
    """Captured money that bought nothing: it is owed to the buyer from the start."""
    posted = kinds_posted(payment.pk)
    if posted & {TransactionKind.SALE, TransactionKind.UNEARNED}:
        return
    unearned = Posting(
        kind=TransactionKind.UNEARNED,
        subject_id=payment.pk,
        order_id=payment.order_id,
        currency=payment.currency,
        why=why,
        legs=_moved(
            AccountKind.GATEWAY_CLEARING, AccountKind.REFUNDS_PAYABLE, payment.amount_paise
        ),
    )
    post([unearned, *_fee(payment, posted)], now=now)


def _fee(payment: Payment, posted: set[str]) -> list[Posting]:
    if not payment.fee_paise or TransactionKind.GATEWAY_FEE in posted:
        return []
    return [bank.fee(payment)]


def _sold(payment: Payment, granted: Sequence[OrderItem]) -> list[Leg]:
    sold = [_seller_leg(item, item.seller_share_paise) for item in granted]
    tax = sum(item.tax_paise for item in granted)
    commission = sum(item.commission_paise for item in granted) - tax
    paid = sum(item.paid_paise for item in granted)
    short = max(0, paid - payment.amount_paise)
    return [
        *sold,
        Leg(AccountKind.PLATFORM_COMMISSION, commission - short),
        Leg(AccountKind.TAX_PAYABLE, tax),
        Leg(AccountKind.REFUNDS_PAYABLE, max(0, payment.amount_paise - paid)),
    ]


def record_refund_owed(
    *, refund: Refund, payment: Payment, reversals: Sequence[Reversal], now: datetime
) -> None:
    legs = _taken(reversals, into=AccountKind.REFUNDS_PAYABLE)
    _record(TransactionKind.REFUND_OWED, refund, payment, legs, now)


def record_refund_undone(
    *, refund: Refund, payment: Payment, reversals: Sequence[Reversal], now: datetime
) -> None:
    legs = _taken(reversals, into=AccountKind.REFUNDS_PAYABLE)
    _record(TransactionKind.REFUND_UNDONE, refund, payment, _undone(legs), now)


def record_refund_processed(*, refund: Refund, payment: Payment, now: datetime) -> None:
    _record(TransactionKind.REFUND_PROCESSED, refund, payment, _paid_out(refund), now)


def record_refund_returned(*, refund: Refund, payment: Payment, now: datetime) -> None:
    """A bank returned what had been processed."""
    _record(TransactionKind.REFUND_RETURNED, refund, payment, _undone(_paid_out(refund)), now)


def record_dispute_held(
    *, dispute: Dispute, payment: Payment, reversals: Sequence[Reversal], now: datetime
) -> None:
    """Taken from the lines until the bank decides; or, of a dispute that is lost already,
    to make good what the house bore of it."""
    legs = _held(dispute, reversals)
    _record(TransactionKind.DISPUTE_HELD, dispute, payment, legs, now)


def record_dispute_released(
    *, dispute: Dispute, payment: Payment, reversals: Sequence[Reversal], now: datetime
) -> None:
    legs = _undone(_held(dispute, reversals))
    _record(TransactionKind.DISPUTE_RELEASED, dispute, payment, legs, now)


def record_dispute_lost(*, dispute: Dispute, payment: Payment, now: datetime) -> None:
    """The gateway keeps what was held. What it takes beyond, the house bears."""
    beyond = dispute.deducted_paise - dispute.held_paise
    legs = [
        Leg(AccountKind.DISPUTE_HOLDS, -dispute.held_paise),
        Leg(AccountKind.GATEWAY_CLEARING, dispute.deducted_paise),
        Leg(AccountKind.PLATFORM_COMMISSION, -beyond),
    ]
    _record(TransactionKind.DISPUTE_LOST, dispute, payment, legs, now)


def lock_accounts_of(payment: Payment) -> None:
    """Lock, at once and in their order, all accounts that refunds and disputes of a payment
    move: for whoever records several of them in one transaction."""
    lines = payment.order.items.only("seller_id", "released_at")
    places: set[locks.Place] = {(kind, None, payment.currency) for kind in MOVED_BY_RETURNS}
    places |= {(_seller_account(item), item.seller_id, payment.currency) for item in lines}
    locks.lock_accounts(places)


def _record(
    kind: TransactionKind,
    subject: Refund | Dispute,
    payment: Payment,
    legs: Sequence[Leg],
    now: datetime,
) -> None:
    posting = Posting(
        kind=kind,
        subject_id=subject.pk,
        order_id=payment.order_id,
        currency=payment.currency,
        legs=legs,
    )
    post([posting], now=now)


def _seller_leg(item: OrderItem, amount_paise: int) -> Leg:
    account = _seller_account(item)
    return Leg(account, amount_paise, owner_id=item.seller_id, item_id=item.pk)


def _seller_account(item: OrderItem) -> AccountKind:
    """In escrow until it has been released; then the seller's own, even below zero."""
    return AccountKind.SELLER_AVAILABLE if item.released_at else AccountKind.SELLER_PENDING


def _taken(reversals: Sequence[Reversal], *, into: AccountKind) -> list[Leg]:
    return [
        *(_seller_leg(row.item, -row.seller_share_paise) for row in reversals),
        Leg(AccountKind.PLATFORM_COMMISSION, -sum(row.commission_paise for row in reversals)),
        Leg(AccountKind.TAX_PAYABLE, -sum(row.tax_paise for row in reversals)),
        Leg(into, sum(row.amount_paise for row in reversals)),
    ]


def _held(dispute: Dispute, reversals: Sequence[Reversal]) -> list[Leg]:
    """From the lines, and from what was owed to the buyer already."""
    is_paid = TransactionKind.DISPUTE_LOST in kinds_posted(dispute.pk)
    into = AccountKind.PLATFORM_COMMISSION if is_paid else AccountKind.DISPUTE_HOLDS
    unearned = dispute.held_paise - sum(row.amount_paise for row in reversals)
    return [
        *_taken(reversals, into=into),
        *_moved(AccountKind.REFUNDS_PAYABLE, into, unearned),
    ]


def _paid_out(refund: Refund) -> list[Leg]:
    return _moved(AccountKind.REFUNDS_PAYABLE, AccountKind.GATEWAY_CLEARING, refund.amount_paise)


def _moved(source: AccountKind, to: AccountKind, amount_paise: int) -> list[Leg]:
    return [Leg(source, -amount_paise), Leg(to, amount_paise)]


def _undone(legs: Sequence[Leg]) -> list[Leg]:
    return [leg.reversed() for leg in legs]
