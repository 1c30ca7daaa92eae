"""The call: a refund that is owed, asked for with its stable key, and looked up afterwards."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from notevault.kit import crash
from payments.gateways import get_gateway
from payments.gateways.base import GatewayDeclined, GatewayRefund, GatewayRejected
from payments.models import Refund
from payments.refunds.outcome import fail_refund, record_reply, replace_refund
from payments.states import RefundState

UNDER_WAY = (RefundState.REQUESTED, RefundState.PENDING)


def send_refund(*, refund_id: UUID, now: datetime) -> None:
    """Ask the gateway for a refund that is owed. Safe to repeat: the key is the refund's.

    GatewayUnavailable and GatewayOutcomeUnknown leave it owed, for the job's next try. A
    refusal marks it as failed and alerts the staff, but only once the gateway's own list
    shows that an earlier try was not made after all.
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state not in UNDER_WAY:
        return
    crash.point("refund.before_call")
    gateway, payment = get_gateway(), refund.payment
    try:
        reply = gateway.refund_payment(
            payment.gateway_payment_id,
            amount_paise=refund.amount_paise,
            idempotency_key=refund.idempotency_key,
        )
    except (GatewayRejected, GatewayDeclined) as refusal:
        made = gateway.list_refunds(payment.gateway_payment_id)
        ours = [r for r in made if r.receipt == refund.idempotency_key]
        if not ours:
            _give_up(refund, made, str(refusal), now)
            return
        reply = ours[0]
    crash.point("refund.gateway_accepted")
    record_reply(refund_id=refund_id, reply=reply, now=now)


def _give_up(refund: Refund, made: list[GatewayRefund], refusal: str, now: datetime) -> None:
    """Refused for good. Where others have given money back, what is left of it is owed
    instead, and nobody needs an alarm."""
    gone = sum(other.amount_paise for other in made if other.status != "failed")
    left = refund.payment.amount_paise - gone
    if left < refund.amount_paise:
        why = f"{gone} paise were given back otherwise"
        replace_refund(refund_id=refund.pk, left_paise=max(0, left), why=why, now=now)
    else:
        fail_refund(refund_id=refund.pk, why=refusal or "refused by the gateway", now=now)


def ask_for_refund(*, refund_id: UUID, now: datetime) -> bool:
    """Look up what became of a refund that the gateway took its time for; True when decided."""
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    made = get_gateway().list_refunds(refund.payment.gateway_payment_id)
    for reply in made:
        if reply.id == refund.gateway_refund_id:
            record_reply(refund_id=refund_id, reply=reply, now=now)
            return reply.status != "pending"
    return False
