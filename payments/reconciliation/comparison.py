"""What differs between a row of ours and what the gateway says. No database, no network."""

from __future__ import annotations

from dataclasses import dataclass

from notevault.kit import money
from payments.gateways.base import GatewayPayment, GatewayRefund, SettledEntry
from payments.models import Payment, Refund
from payments.states import BreakKind, BreakSubject, PaymentState, RefundState

# We say of these that the gateway has taken the money.
TAKEN = (PaymentState.CAPTURED, PaymentState.QUARANTINED, PaymentState.REFUNDED)
OWED = (RefundState.REQUESTED, RefundState.PENDING)


@dataclass(frozen=True)
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
    def difference_paise(self) -> int:
        return (self.theirs_paise or 0) - (self.ours_paise or 0)


def is_money(payment: GatewayPayment) -> bool:
    """True once money has moved, also when the gateway gave it back without a capture."""
    return payment.is_captured or payment.status == "refunded"


def compare_payment(ours: Payment | None, theirs: GatewayPayment) -> list[Finding]:
    """At most one difference of being there, of state or of amount; and one of the fee."""

    def found(kind: BreakKind, mine: int | None, other: int, details: str, **more: bool) -> Finding:
        return Finding(
            kind, BreakSubject.PAYMENT, theirs.id, mine, other, details, theirs.currency, **more
        )

    took = theirs.amount_paise if is_money(theirs) else 0
    if ours is None:
        details = f"{theirs.status} at the gateway, unknown here"
        return [found(BreakKind.MISSING_HERE, None, took, details, is_behind=True)] if took else []
    states = f"{theirs.status} at the gateway, {ours.state} here"
    if ours.state not in TAKEN:
        return [found(BreakKind.STATUS, 0, took, states, is_behind=True)] if took else []
    if not took or (ours.captured_at and not theirs.is_captured):
        return [found(BreakKind.STATUS, ours.amount_paise, 0, states)]
    if (ours.amount_paise, ours.currency) != (theirs.amount_paise, theirs.currency):
        amounts = f"{_price(theirs)} at the gateway, {_price(ours)} here"
        return [found(BreakKind.AMOUNT, ours.amount_paise, theirs.amount_paise, amounts)]
    if ours.fee_paise is not None and theirs.fee_paise not in (None, ours.fee_paise):
        return [found(BreakKind.FEE, ours.fee_paise, theirs.fee_paise or 0, "the fee was changed")]
    return []


def compare_refund(ours: Refund | None, theirs: GatewayRefund) -> list[Finding]:
    """At most one difference: of being there, of amount, or of state."""

    def found(kind: BreakKind, mine: int | None, other: int, details: str, **more: bool) -> Finding:
        return Finding(
            kind, BreakSubject.REFUND, theirs.id, mine, other, details, theirs.currency, **more
        )

    returned = 0 if theirs.status == "failed" else theirs.amount_paise
    if ours is None:
        details = f"{theirs.status} at the gateway, unknown here"
        kind = BreakKind.MISSING_HERE
        return [found(kind, None, returned, details, is_behind=True)] if returned else []
    if ours.amount_paise != theirs.amount_paise:
        details = f"{_price(theirs)} at the gateway, {_price(ours)} here"
        return [found(BreakKind.AMOUNT, ours.amount_paise, theirs.amount_paise, details)]
    if ours.state == theirs.status:
        return []
    claimed = ours.amount_paise if ours.state == RefundState.PROCESSED else 0
    details = f"{theirs.status} at the gateway, {ours.state} here"
    is_behind = ours.state != RefundState.PROCESSED
    return [found(BreakKind.STATUS, claimed, returned, details, is_behind=is_behind)]


def compare_settled(ours: Payment | Refund, entry: SettledEntry) -> list[Finding]:
    """What reached the bank account against what should have: amount less fee.

    The fee is compared by itself, so that its paise are counted once.
    """

    def found(kind: BreakKind, mine: int, other: int, details: str) -> Finding:
        return Finding(
            kind,
            BreakSubject.SETTLEMENT,
            entry.entity_id,
            mine,
            other,
            details,
            entry.currency,
            entry.settlement_id,
            entry.utr,
        )

    if ours.settlement_id not in ("", entry.settlement_id):
        details = f"settled by {ours.settlement_id} already"
        return [found(BreakKind.DUPLICATE, 0, _moved(entry), details)]
    findings = []
    due = _due(ours, entry)
    if _moved(entry) != due:
        details = f"{_moved(entry)} paise were settled, not {due}"
        findings.append(found(BreakKind.AMOUNT, due, _moved(entry), details))
    known_fee = ours.fee_paise if isinstance(ours, Payment) else None
    if known_fee not in (None, entry.fee_paise):
        details = f"a fee of {entry.fee_paise} paise was kept, not {known_fee}"
        findings.append(found(BreakKind.FEE, known_fee or 0, entry.fee_paise, details))
    return findings


def unsettled(payment: Payment) -> Finding:
    """A captured payment that no settlement report has named in time."""
    return Finding(
        BreakKind.MISSING_THERE,
        BreakSubject.SETTLEMENT,
        payment.gateway_payment_id,
        payment.amount_paise - (payment.fee_paise or 0),
        None,
        "captured, and never settled",
        payment.currency,
    )


def missing_there(row: Payment | Refund, gateway_id: str) -> Finding:
    """Ours says that money moved; the gateway does not know of it."""
    is_payment = isinstance(row, Payment)
    return Finding(
        BreakKind.MISSING_THERE,
        BreakSubject.PAYMENT if is_payment else BreakSubject.REFUND,
        gateway_id,
        row.amount_paise,
        None,
        f"{row.state} here, unknown to the gateway",
    )


def kept_twice(payment: Payment) -> Finding:
    """A second captured payment of an order, of which a part was not given back."""
    return Finding(
        BreakKind.DUPLICATE,
        BreakSubject.PAYMENT,
        payment.gateway_payment_id,
        payment.given_back_paise,
        payment.amount_paise,
        f"a second payment of order {payment.order_id}, not given back",
        payment.currency,
    )


def _moved(entry: SettledEntry) -> int:
    """What the line brought us; what a refund took is below zero."""
    return entry.credit_paise - entry.debit_paise


def _due(ours: Payment | Refund, entry: SettledEntry) -> int:
    sign = 1 if isinstance(ours, Payment) else -1
    return sign * ours.amount_paise - entry.fee_paise


def _price(row: Payment | Refund | GatewayPayment | GatewayRefund) -> str:
    currency = getattr(row, "currency", money.CURRENCY)
    return f"{row.amount_paise} paise {currency}"
