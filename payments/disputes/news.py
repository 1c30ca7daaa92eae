"""What the gateway tells of a dispute, in whatever order it comes.

States only go forward, and what is decided stays decided. An event is a snapshot: where it
is old, or says something else than we know, or a loss without what it cost, the gateway is
asked for the dispute as it is.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from payments.disputes.outcome import take_in
from payments.gateways import get_gateway
from payments.gateways.base import GatewayDispute, GatewayRejected
from payments.models import Dispute, Payment
from payments.provenance import bring_payment
from payments.refunds import PaymentNotKnownYet
from payments.settlement import FINAL
from payments.states import LIVE_DISPUTE, DisputeState

log = structlog.get_logger("notevault.disputes")


def hear(*, heard: GatewayDispute, phase: str, is_fresh: bool, now: datetime) -> Dispute | None:
    """Act on an event: `phase` is its last word, such as created or lost.

    None for a payment of another product. Raises PaymentNotKnownYet, OrderNotKnownYet and
    the gateway's errors.
    """
    source, before = f"webhook {phase}", state_here(heard.id)
    to = DisputeState.OPEN if phase == "created" else DisputeState(phase)
    if not is_fresh or _is_doubtful(before, to) or _is_unsaid(heard, before, to):
        try:
            heard = get_gateway().get_dispute(heard.id)
        except GatewayRejected as refusal:
            # The event is signed, and better than nothing.
            log.warning("dispute.not_shown", dispute_id=heard.id, reason=str(refusal))
        else:
            to = _state_there(heard, before=before, told=to)
    return _take_in_if_ours(heard, to, source, now)


def look_at(*, heard: GatewayDispute, source: str, now: datetime) -> Dispute | None:
    """Take in a dispute as the gateway shows it at this moment. As `hear`."""
    to = _state_there(heard, before=state_here(heard.id))
    return _take_in_if_ours(heard, to, source, now)


def state_here(gateway_dispute_id: str) -> DisputeState | None:
    found = Dispute.objects.filter(gateway_dispute_id=gateway_dispute_id)
    state = found.values_list("state", flat=True).first()
    return DisputeState(state) if state else None


def is_news(heard: GatewayDispute, before: DisputeState | None) -> bool:
    """False when `look_at` would change nothing."""
    if before is not None and before not in LIVE_DISPUTE:
        return False
    return _state_there(heard, before=before) != before


def _is_doubtful(before: DisputeState | None, told: DisputeState) -> bool:
    """An event that may be overtaken: of the live states two may follow each other in
    either direction, and what is decided is not decided again."""
    if before in (None, told, DisputeState.OPEN) or told == DisputeState.OPEN:
        return False
    return (before in LIVE_DISPUTE) == (told in LIVE_DISPUTE)


def _is_unsaid(heard: GatewayDispute, before: DisputeState | None, told: DisputeState) -> bool:
    """A loss is taken in once, so what it cost has to be known by then."""
    return told == DisputeState.LOST != before and not heard.deducted_paise


def _state_there(
    heard: GatewayDispute, *, before: DisputeState | None, told: DisputeState | None = None
) -> DisputeState:
    """The gateway has no status for "action required": the dispute is open once again."""
    if heard.status in DisputeState.values and heard.status != DisputeState.OPEN:
        return DisputeState(heard.status)
    is_untouched = before in (None, DisputeState.OPEN) and told in (None, DisputeState.OPEN)
    return DisputeState.OPEN if is_untouched else DisputeState.ACTION_REQUIRED


def _take_in_if_ours(
    heard: GatewayDispute, to: DisputeState, source: str, now: datetime
) -> Dispute | None:
    captured = Payment.objects.filter(gateway_payment_id=heard.payment_id, state__in=FINAL)
    if not captured.exists():
        try:
            if not bring_payment(heard.payment_id, source=source, now=now):
                return None
        except GatewayRejected as refusal:
            raise PaymentNotKnownYet(heard.payment_id) from refusal
    return take_in(heard=heard, to=to, source=source, now=now)
