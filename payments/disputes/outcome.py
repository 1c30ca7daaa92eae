"""From one state of a dispute to the next, and what follows for the money and the access."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import clock, crash, money
from ops.transactions import use_case
from payments import fulfilment, holds, locks
from payments.gateways.base import GatewayDispute
from payments.ledger import journal
from payments.models import Dispute, Order, Payment
from payments.refunds import PaymentNotKnownYet
from payments.settlement import FINAL
from payments.states import LIVE_DISPUTE, DisputeState

ASK_EVERY = timedelta(hours=1)
SAYS = {
    DisputeState.OPEN: "A payment is disputed: answer with evidence",
    DisputeState.ACTION_REQUIRED: "The bank asks for more evidence",
    DisputeState.UNDER_REVIEW: "The bank looks at our answer",
    DisputeState.WON: "A dispute is won: its money is released",
    DisputeState.LOST: "A dispute is lost: its money is gone",
    DisputeState.CLOSED: "A dispute is closed: its money is released",
}
URGENT = (DisputeState.OPEN, DisputeState.ACTION_REQUIRED, DisputeState.LOST)


@use_case
def take_in(*, heard: GatewayDispute, to: DisputeState, source: str, now: datetime) -> Dispute:
    """Bring a dispute to a state, if that is forward from the one it is in.

    One that is new is on record afterwards and holds what is left of its payment. Won or
    closed, it has let go of it. Lost, what the gateway deducted is gone from the lines, and
    those that went back whole give no access; where it does not say what, the amount of the
    dispute is gone and staff are to check it. Raises PaymentNotKnownYet.
    """
    found = locks.lock_payment_with_order(gateway_payment_id=heard.payment_id)
    if found is None or found[1].state not in FINAL:
        raise PaymentNotKnownYet(heard.payment_id)
    order, payment = found
    dispute = _find(payment, heard)
    is_new = dispute is None
    if dispute is None:
        dispute = _open(payment, heard, now)
    has_moved = dispute.state != to and dispute.can_move(to)
    if has_moved:
        _advance(order, payment, dispute, heard, to, source, now)
    elif dispute.state != to:
        _refuse_second_decision(dispute, to, source, now)
        return dispute
    _learn(dispute, heard)
    if is_new or has_moved:
        _tell(dispute, payment, now)
        crash.point("dispute.before_commit")
    return dispute


def _find(payment: Payment, heard: GatewayDispute) -> Dispute | None:
    disputes = locks.lock_disputes(payment)
    return next((row for row in disputes if row.gateway_dispute_id == heard.id), None)


def _open(payment: Payment, heard: GatewayDispute, now: datetime) -> Dispute:
    dispute = Dispute.objects.create(
        payment=payment,
        gateway_dispute_id=heard.id,
        amount_paise=heard.amount_paise,
        created_at=heard.created_at,
        ask_at=now + ASK_EVERY,
        **_details(heard),
    )
    holds.fit(payment=payment, now=now)
    dispute.refresh_from_db(fields=["held_paise"])
    return dispute


def _advance(
    order: Order,
    payment: Payment,
    dispute: Dispute,
    heard: GatewayDispute,
    to: DisputeState,
    source: str,
    now: datetime,
) -> None:
    why = f"told by {source}"
    match to:
        case DisputeState.LOST:
            _lose(order, payment, dispute, _deducted(dispute, heard, now), why, now)
        case DisputeState.WON | DisputeState.CLOSED:
            dispute.move(to, why=why, now=now, decided_at=now)
            _fit(dispute, payment, now)
        case _:
            dispute.move(to, why=why, now=now)


def _deducted(dispute: Dispute, heard: GatewayDispute, now: datetime) -> int:
    """A loss that cost nothing is not believed: it would give the sellers what may be gone."""
    if heard.deducted_paise:
        return heard.deducted_paise
    raise_alert(
        kind="payments.dispute_amount_unknown",
        severity=Severity.HIGH,
        message=(
            f"Dispute {dispute.gateway_dispute_id} is lost, and the gateway does not say what "
            f"it deducted. All of it, {money.format_inr(dispute.amount_paise)}, counts as gone: "
            "check the amount with the gateway."
        ),
        metadata={
            "dispute_id": dispute.gateway_dispute_id,
            "amount_paise": dispute.amount_paise,
        },
        dedupe_key=f"dispute-amount-unknown:{dispute.pk}",
        now=now,
    )
    return dispute.amount_paise


def _lose(
    order: Order,
    payment: Payment,
    dispute: Dispute,
    deducted_paise: int,
    why: str,
    now: datetime,
) -> None:
    dispute.move(DisputeState.LOST, why=why, now=now, decided_at=now, deducted_paise=deducted_paise)
    _fit(dispute, payment, now)
    fulfilment.follow_returns(order=order, payment=payment, why="a dispute was lost", now=now)
    holds.tell_if_taken_twice(dispute, payment, now)
    journal.record_dispute_lost(dispute=dispute, payment=payment, now=now)
    holds.credit(dispute)


def _fit(dispute: Dispute, payment: Payment, now: datetime) -> None:
    holds.fit(payment=payment, now=now)
    dispute.refresh_from_db(fields=["held_paise"])


def _details(heard: GatewayDispute) -> dict[str, Any]:
    return {
        "phase": heard.phase[:32],
        "reason_code": heard.reason_code[:120],
        "respond_by": heard.respond_by,
    }


def _learn(dispute: Dispute, heard: GatewayDispute) -> None:
    """A new deadline is warned of anew."""
    details = _details(heard)
    if dispute.respond_by != heard.respond_by:
        details["warned_h"] = 0
    changed = [name for name, value in details.items() if getattr(dispute, name) != value]
    for name in changed:
        setattr(dispute, name, details[name])
    if changed:
        dispute.save(update_fields=changed)


def _refuse_second_decision(dispute: Dispute, to: DisputeState, source: str, now: datetime) -> None:
    """Old news is nothing. A decision against the one we have acted on is for staff."""
    if to in LIVE_DISPUTE or DisputeState.LOST not in (dispute.state, to):
        return
    raise_alert(
        kind="payments.dispute_decided_twice",
        severity=Severity.CRITICAL,
        message=(
            f"Dispute {dispute.gateway_dispute_id} is {to} by {source}, and was {dispute.state} "
            "before. Its money stays as it is: settle it with the gateway."
        ),
        metadata={"dispute_id": dispute.gateway_dispute_id},
        dedupe_key=f"dispute-decided-twice:{dispute.pk}:{to}",
        now=now,
    )


def _tell(dispute: Dispute, payment: Payment, now: datetime) -> None:
    state = DisputeState(dispute.state)
    says = f"{SAYS[state]} ({money.format_inr(dispute.amount_paise)})"
    if dispute.is_live and dispute.respond_by:
        says += f", by {clock.indian_time(dispute.respond_by)}"
    raise_alert(
        kind="payments.dispute",
        severity=Severity.HIGH if state in URGENT else Severity.WARNING,
        message=f"{says}.",
        metadata={
            "dispute_id": dispute.gateway_dispute_id,
            "payment_id": payment.gateway_payment_id,
            "amount_paise": dispute.amount_paise,
            "held_paise": dispute.held_paise,
            "respond_by": dispute.respond_by.isoformat() if dispute.respond_by else "",
        },
        dedupe_key=f"dispute:{dispute.gateway_dispute_id}:{state}",
        now=now,
    )
