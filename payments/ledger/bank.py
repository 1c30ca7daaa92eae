"""What the settlement report teaches the ledger: fees learnt late, and what reached the bank.

Steps for many payments and refunds at once: their queries do not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from payments.ledger.posting import Leg, Posting, post
from payments.models import Dispute, LedgerTransaction, Payment, Refund
from payments.states import TAKEN, AccountKind, TransactionKind


def record_learnt(
    *,
    rows: Sequence[Payment | Refund | Dispute],
    settled: Mapping[UUID, int],
    now: datetime,
) -> None:
    """Post what these rows have learnt and the ledger lacks. Safe to repeat.

    The rows are written, and thereby locked, already. `settled` has the paise that came to
    the bank account for a row, negative for what went out of it.
    """
    fees = _late_fees([row.pk for row in rows if isinstance(row, Payment)])
    banked = [_settled(row, settled[row.pk]) for row in rows if row.pk in settled]
    wanted = [*fees, *banked]
    posted = _posted({posting.subject_id for posting in wanted})
    post([p for p in wanted if (p.subject_id, p.kind) not in posted], now=now)


def fee(payment: Payment) -> Posting:
    """What the gateway keeps of a payment."""
    paise = payment.fee_paise or 0
    return Posting(
        kind=TransactionKind.GATEWAY_FEE,
        subject_id=payment.pk,
        order_id=payment.order_id,
        currency=payment.currency,
        legs=[Leg(AccountKind.GATEWAY_FEES, -paise), Leg(AccountKind.GATEWAY_CLEARING, paise)],
    )


def _late_fees(payment_ids: Sequence[UUID]) -> list[Posting]:
    """Read again: a fee is posted with its capture, which may have come since."""
    captured = Payment.objects.filter(pk__in=payment_ids, state__in=TAKEN, fee_paise__gt=0)
    return [fee(payment) for payment in captured]


def _settled(row: Payment | Refund | Dispute, paise: int) -> Posting:
    payment = row if isinstance(row, Payment) else row.payment
    return Posting(
        kind=TransactionKind.SETTLED,
        subject_id=row.pk,
        order_id=payment.order_id,
        currency=payment.currency,
        why=f"{row.settlement_id} {row.settlement_utr}".strip(),
        legs=[Leg(AccountKind.GATEWAY_CLEARING, paise), Leg(AccountKind.BANK, -paise)],
    )


def _posted(subject_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    kinds = [TransactionKind.GATEWAY_FEE, TransactionKind.SETTLED]
    posted = LedgerTransaction.objects.filter(subject_id__in=subject_ids, kind__in=kinds)
    return set(posted.values_list("subject_id", "kind"))
