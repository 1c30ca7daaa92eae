"""Money on its way back: intent, gateway call with a stable key, completion."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from django.db.models import F, Sum

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import crash
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case
from payments import fulfilment, locks
from payments.gateways import get_gateway
from payments.gateways.base import GatewayDeclined, GatewayRefund, GatewayRejected
from payments.models import Order, Payment, Refund
from payments.states import ItemOutcome, OrderState, PaymentState, RefundState

log = structlog.get_logger("notevault.refunds")

UNDER_WAY = (RefundState.REQUESTED, RefundState.PENDING)


class PaymentNotKnownYet(Exception):
    """A refund of a payment that nobody has told us of; its news is on the way."""


class RefundsOverlap(Exception):
    """A refund made elsewhere and one of ours want the same money; the gateway decides
    which of them is made, and then there is room for the other's row."""


class NothingToGiveBack(DomainError):
    code = "nothing_to_give_back"
    message = "Nothing of this payment waits to be given back."


def give_back(*, payment: Payment, amount_paise: int, why: str, now: datetime) -> Refund:
    """Owe the buyer a part of a captured payment; a job sends it.

    A step. The database refuses what would exceed the capture (I4).
    """
    _count(payment, amount_paise)
    refund = Refund.objects.create(
        payment=payment, amount_paise=amount_paise, why=why, created_at=now
    )
    jobs.defer("payments.tasks.send_refund", refund_id=str(refund.pk))
    return refund


@use_case
def give_back_rest(*, payment_id: UUID, actor_id: UUID, now: datetime) -> Refund:
    """Staff return what a payment bought nothing for and is not on its way back: all of one
    that settles no order, of another the lines that were not granted.

    Raises NothingToGiveBack.
    """
    found = locks.lock_payment_with_order(pk=payment_id)
    if found is None:
        raise NothingToGiveBack
    order, payment = found
    rest = _owed(order, payment) - payment.given_back_paise
    if rest <= 0:
        raise NothingToGiveBack
    log.info("refund.by_staff", payment_id=payment.gateway_payment_id, actor_id=str(actor_id))
    return give_back(payment=payment, amount_paise=rest, why="given back by staff", now=now)


def _owed(order: Order, payment: Payment) -> int:
    """The paise of a payment for which its buyer has nothing."""
    if payment.state not in (PaymentState.CAPTURED, PaymentState.QUARANTINED):
        return 0
    if not payment.settles:
        return payment.amount_paise
    lost = order.items.filter(outcome=ItemOutcome.GIVEN_BACK)
    return min(payment.amount_paise, lost.aggregate(total=Sum("paid_paise"))["total"] or 0)


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


@use_case
def record_reply(*, refund_id: UUID, reply: GatewayRefund, now: datetime) -> None:
    """Take over what the gateway says of a refund of ours; old news changes nothing."""
    order, payment, refund = locks.lock_refund(refund_id)
    _take_over(order, payment, refund, reply, now)


def _take_over(
    order: Order, payment: Payment, refund: Refund, reply: GatewayRefund, now: datetime
) -> None:
    match reply.status:
        case "processed":
            _complete(order, payment, refund, reply.id, now)
        case "pending" if refund.can_move(RefundState.PENDING):
            refund.move(RefundState.PENDING, why="accepted", now=now, gateway_refund_id=reply.id)
        case "failed":
            _fail(payment, refund, "failed at the gateway", now)


@use_case
def fail_refund(*, refund_id: UUID, why: str, now: datetime) -> None:
    _order, payment, refund = locks.lock_refund(refund_id)
    _fail(payment, refund, why, now)


@use_case
def replace_refund(*, refund_id: UUID, left_paise: int, why: str, now: datetime) -> None:
    """Owe what is left of a payment in the place of a refund that asks for more."""
    _order, payment, refund = locks.lock_refund(refund_id)
    if not _move_to_failed(payment, refund, why, now):
        return
    if left_paise:
        give_back(payment=payment, amount_paise=left_paise, why=refund.why, now=now)
    hear_of_refunds(payment.gateway_payment_id)


def hear_of_refunds(gateway_payment_id: str) -> None:
    """Have a job ask for the refunds that somebody else made. A step.

    Their events may be lost, or wait for one of ours to give way.
    """
    jobs.defer(
        "payments.tasks.take_in_refunds",
        once_per=f"take-in-refunds:{gateway_payment_id}",
        gateway_payment_id=gateway_payment_id,
    )


def take_in_refunds(*, gateway_payment_id: str, source: str, now: datetime) -> None:
    """Ask the gateway for all refunds of a payment and take in each."""
    for reply in get_gateway().list_refunds(gateway_payment_id):
        take_in_refund(reply=reply, source=source, now=now)


@use_case
def take_in_refund(*, reply: GatewayRefund, source: str, now: datetime) -> Refund | None:
    """Record a refund that the gateway tells of, whoever made it.

    One of ours goes on as its reply says. One made elsewhere gets a row and an alert, and
    once it is complete and the whole payment with it, the accesses it bought are revoked.
    None for one that failed before we heard of it. Raises PaymentNotKnownYet, and
    RefundsOverlap when refunds of ours claim the same money.
    """
    found = locks.lock_payment_with_order(gateway_payment_id=reply.payment_id)
    if found is None:
        raise PaymentNotKnownYet(reply.payment_id)
    order, payment = found
    refund = _find_refund(payment, reply)
    if refund is None:
        if reply.status == "failed":
            return None
        refund = _record_foreign(payment, reply, source, now)
    _take_over(order, payment, refund, reply, now)
    return refund


def _find_refund(payment: Payment, reply: GatewayRefund) -> Refund | None:
    """The refund that the gateway speaks of, by its id there or by our key."""
    for refund in locks.lock_refunds(payment):
        if refund.gateway_refund_id == reply.id or refund.idempotency_key == reply.receipt:
            return refund
    return None


def _record_foreign(payment: Payment, reply: GatewayRefund, source: str, now: datetime) -> Refund:
    known = payment.refunds.exclude(state=RefundState.FAILED)
    with_row = known.aggregate(total=Sum("amount_paise"))["total"] or 0
    # What the payment said of refunds before any of them had a row is counted already.
    new = max(0, reply.amount_paise - (payment.given_back_paise - with_row))
    if payment.given_back_paise + new > payment.amount_paise:
        raise RefundsOverlap(reply.id)
    _count(payment, new)
    raise_alert(
        kind="payments.refund_made_elsewhere",
        severity=Severity.HIGH,
        message=(
            f"A refund of {reply.amount_paise} paise was made outside of NoteVault. It is in "
            "the books; the access stays unless the whole payment has gone back."
        ),
        metadata={"gateway_refund_id": reply.id, "payment_id": reply.payment_id},
        dedupe_key=f"foreign-refund:{reply.id}",
        now=now,
    )
    return Refund.objects.create(
        payment=payment,
        amount_paise=reply.amount_paise,
        why=f"made at the gateway, told by {source}",
        gateway_refund_id=reply.id,
        created_at=now,
    )


def _complete(
    order: Order, payment: Payment, refund: Refund, gateway_refund_id: str, now: datetime
) -> None:
    if not refund.can_move(RefundState.PROCESSED):
        return
    _owe_again(payment, refund)
    refund.move(
        RefundState.PROCESSED,
        why="processed by the gateway",
        now=now,
        processed_at=now,
        gateway_refund_id=gateway_refund_id,
    )
    done = payment.refunds.filter(state=RefundState.PROCESSED)
    refunded = done.aggregate(total=Sum("amount_paise"))["total"]
    if refunded == payment.amount_paise and payment.can_move(PaymentState.REFUNDED):
        payment.move(PaymentState.REFUNDED, why="refunded in full", now=now)
    _follow(order, payment, why=refund.why, now=now)


def _follow(order: Order, payment: Payment, *, why: str, now: datetime) -> None:
    """What a completed refund of its payment makes of the order."""
    is_whole = payment.state == PaymentState.REFUNDED
    if payment.settles:
        to = OrderState.REFUNDED if is_whole else OrderState.PARTIALLY_REFUNDED
        if order.state != to and order.can_move(to):
            order.move(to, why=why, now=now)
    if is_whole and payment.settles:
        fulfilment.take_back(order, why="refunded in full", now=now)
    elif is_whole:
        fulfilment.close_returned(order, now=now)


def _owe_again(payment: Payment, refund: Refund) -> None:
    """A refund that was taken for failed goes through after all.

    Raises RefundsOverlap while another one has been owed in its place.
    """
    if refund.state != RefundState.FAILED:
        return
    if payment.given_back_paise + refund.amount_paise > payment.amount_paise:
        raise RefundsOverlap(refund.gateway_refund_id or str(refund.pk))
    _count(payment, refund.amount_paise)


def _count(payment: Payment, amount_paise: int) -> None:
    """More, or less, of a locked payment is given back than before."""
    payment.given_back_paise += amount_paise
    Payment.objects.filter(pk=payment.pk).update(
        given_back_paise=F("given_back_paise") + amount_paise
    )


def _move_to_failed(payment: Payment, refund: Refund, why: str, now: datetime) -> bool:
    if not refund.can_move(RefundState.FAILED):
        return False
    refund.move(RefundState.FAILED, why=why, now=now)
    _count(payment, -refund.amount_paise)
    return True


def _fail(payment: Payment, refund: Refund, why: str, now: datetime) -> None:
    if not _move_to_failed(payment, refund, why, now):
        return
    raise_alert(
        kind="payments.refund_failed",
        severity=Severity.CRITICAL,
        message=f"A refund of {refund.amount_paise} paise was refused: {why}",
        metadata={"refund_id": str(refund.pk), "payment_id": payment.gateway_payment_id},
        dedupe_key=f"refund-failed:{refund.pk}",
        now=now,
    )
