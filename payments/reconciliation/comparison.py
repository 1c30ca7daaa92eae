"""What differs between a row of ours and what the gateway says. No database, no network."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from notevault.kit import money
from payments.gateways.base import GatewayPayment, GatewayRefund, SettledEntry
from payments.models import Dispute, Payment, Refund
from payments.states import TAKEN, BreakKind, BreakSubject, RefundState


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One difference. A side is None where the thing does not exist.

    `is_behind`: the gateway's news has not reached us, so taking it over is the cure.
    """

    kind: BreakKind
    subject: BreakSubject
    gateway_id: str
    ours_paise: int | None
    theirs_paise: int | None
    details: str
    currency: str = money.CURRENCY
    settlement_id: str = ""
    utr: str = ""
    is_behind: bool = False

    @property
    def matter(self) -> tuple[str, str, str]:
        return self.kind, self.subject, self.gateway_id

    @property
    def difference_paise(self) -> int:
        return (self.theirs_paise or 0) - (self.ours_paise or 0)


def has_moved(payment: GatewayPayment) -> bool:
    """True once money has moved, also when the gateway gave it back without a capture."""
    return payment.is_captured or payment.status == "refunded"


def compare_payment(ours: Payment | None, theirs: GatewayPayment) -> Finding | None:
    """A payment of the gateway's list with ours of the same id."""
    found = partial(
        Finding, subject=BreakSubject.PAYMENT, gateway_id=theirs.id, currency=theirs.currency
    )
    states = f"{theirs.status} at the gateway, {ours.state if ours else 'unknown'} here"
    if ours is None or ours.state not in TAKEN:
        behind = found(
            kind=BreakKind.STATUS if ours else BreakKind.MISSING_HERE,
            ours_paise=0 if ours else None,
            theirs_paise=theirs.amount_paise,
            details=states,
            is_behind=True,
        )
        return behind if has_moved(theirs) else None
    mine = ours.amount_paise
    if not has_moved(theirs) or (ours.captured_at and not theirs.is_captured):
        return found(kind=BreakKind.STATUS, ours_paise=mine, theirs_paise=0, details=states)
    if (mine, ours.currency) != (theirs.amount_paise, theirs.currency):
        details = f"{mine} paise {ours.currency} here"
        return found(
            kind=BreakKind.AMOUNT,
            ours_paise=mine,
            theirs_paise=theirs.amount_paise,
            details=details,
        )
    if _differ(ours.fee_paise, theirs.fee_paise):
        return found(
            kind=BreakKind.FEE,
            ours_paise=ours.fee_paise,
            theirs_paise=theirs.fee_paise,
            details="the gateway's fee has changed",
        )
    return None


def compare_refund(ours: Refund | None, theirs: GatewayRefund) -> Finding | None:
    """A refund of the gateway's list with ours of the same id or key."""
    found = partial(
        Finding, subject=BreakSubject.REFUND, gateway_id=theirs.id, currency=theirs.currency
    )
    states = f"{theirs.status} at the gateway, {ours.state if ours else 'unknown'} here"
    returned = 0 if theirs.status == "failed" else theirs.amount_paise
    if ours is None:
        missing = found(
            kind=BreakKind.MISSING_HERE,
            ours_paise=None,
            theirs_paise=returned,
            details=states,
            is_behind=True,
        )
        return missing if returned else None
    if ours.amount_paise != theirs.amount_paise:
        return found(
            kind=BreakKind.AMOUNT,
            ours_paise=ours.amount_paise,
            theirs_paise=theirs.amount_paise,
            details=states,
        )
    if ours.state == theirs.status:
        return None
    is_done_here = ours.state == RefundState.PROCESSED
    return found(
        kind=BreakKind.STATUS,
        ours_paise=ours.amount_paise if is_done_here else 0,
        theirs_paise=returned,
        details=states,
        is_behind=not is_done_here,
    )


def compare_settled(ours: Payment | Refund | Dispute, entry: SettledEntry) -> list[Finding]:
    """What reached the bank account against what should have: the amount less the fee.

    The fee is compared by itself, so that its paise are counted once.
    """
    found = partial(
        Finding,
        subject=BreakSubject.SETTLEMENT,
        gateway_id=entry.entity_id,
        currency=entry.currency,
        settlement_id=entry.settlement_id,
        utr=entry.utr,
    )
    moved = entry.credit_paise - entry.debit_paise
    if ours.settlement_id not in ("", entry.settlement_id):
        details = f"settled already by {ours.settlement_id}"
        duplicate = BreakKind.DUPLICATE
        return [found(kind=duplicate, ours_paise=0, theirs_paise=moved, details=details)]
    findings = []
    due = _signed_amount(ours) - entry.fee_paise
    if moved != due:
        details = f"{moved} paise reached the bank account, not {due}"
        amount = BreakKind.AMOUNT
        findings.append(found(kind=amount, ours_paise=due, theirs_paise=moved, details=details))
    expected = ours.fee_paise if isinstance(ours, Payment) else None
    if _differ(expected, entry.fee_paise):
        details = f"a fee of {entry.fee_paise} paise was kept, not {expected}"
        findings.append(
            found(
                kind=BreakKind.FEE,
                ours_paise=expected,
                theirs_paise=entry.fee_paise,
                details=details,
            )
        )
    return findings


def missing_there(row: Payment | Refund, *, gateway_id: str) -> Finding:
    """We say that money moved, or will; the gateway does not know of it."""
    return Finding(
        kind=BreakKind.MISSING_THERE,
        subject=BreakSubject.PAYMENT if isinstance(row, Payment) else BreakSubject.REFUND,
        gateway_id=gateway_id,
        ours_paise=row.amount_paise,
        theirs_paise=None,
        details=f"{row.state} here, unknown to the gateway",
    )


def never_settled(payment: Payment) -> Finding:
    """A captured payment that no settlement report has named in time."""
    return Finding(
        kind=BreakKind.MISSING_THERE,
        subject=BreakSubject.SETTLEMENT,
        gateway_id=payment.gateway_payment_id,
        ours_paise=payment.amount_paise - (payment.fee_paise or 0),
        theirs_paise=None,
        details="captured, and in no settlement report",
        currency=payment.currency,
    )


def settled_unknown(entry: SettledEntry) -> Finding:
    """The report names what neither we nor the gateway's own list know."""
    return Finding(
        kind=BreakKind.MISSING_HERE,
        subject=BreakSubject.SETTLEMENT,
        gateway_id=entry.entity_id,
        ours_paise=None,
        theirs_paise=entry.credit_paise - entry.debit_paise,
        details="settled, and unknown to the gateway and here",
        currency=entry.currency,
        settlement_id=entry.settlement_id,
        utr=entry.utr,
    )


def lost_there(ours: Dispute | None, entry: SettledEntry) -> Finding:
    """The report takes money for a dispute that is not lost here."""
    return Finding(
        kind=BreakKind.STATUS if ours else BreakKind.MISSING_HERE,
        subject=BreakSubject.DISPUTE,
        gateway_id=entry.dispute_id,
        ours_paise=0 if ours else None,
        theirs_paise=entry.credit_paise - entry.debit_paise,
        details=f"lost at the gateway, {ours.state if ours else 'unknown'} here",
        currency=entry.currency,
        settlement_id=entry.settlement_id,
        utr=entry.utr,
        is_behind=True,
    )


def kept_twice(payment: Payment) -> Finding:
    """A second captured payment of an order, of which a part was not given back."""
    return Finding(
        kind=BreakKind.DUPLICATE,
        subject=BreakSubject.PAYMENT,
        gateway_id=payment.gateway_payment_id,
        ours_paise=payment.given_back_paise,
        theirs_paise=payment.amount_paise,
        details=f"a second payment of order {payment.order_id}, not given back",
        currency=payment.currency,
    )


def _differ(ours_paise: int | None, theirs_paise: int | None) -> bool:
    """An amount that one side does not know yet is no difference."""
    return None not in (ours_paise, theirs_paise) and ours_paise != theirs_paise


def _signed_amount(row: Payment | Refund | Dispute) -> int:
    if isinstance(row, Dispute):
        return -row.deducted_paise
    return row.amount_paise if isinstance(row, Payment) else -row.amount_paise
