"""What each row of an order's history means, said to its buyer and to staff."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from notevault.kit import money
from ops.moves import Move
from payments.models import Dispute, Order, Payment, Refund, RefundRequest
from payments.states import (
    DisputeState,
    OrderState,
    PaymentState,
    RefundState,
    RequestState,
)


class Side(StrEnum):
    """Where money went; nothing for an event that moved none."""

    NONE = ""
    IN = "in"
    HELD = "held"
    BACK = "back"


@dataclass(frozen=True)
class Happening:
    """`sentence` is for the buyer; without one it is for staff alone. `details` and
    `actor_id` never leave the house."""

    at: datetime
    what: str
    sentence: str = ""
    amount_paise: int | None = None
    side: Side = Side.NONE
    details: str = ""
    actor_id: UUID | None = None


def in_order(moves: Iterable[Any]) -> list[Any]:
    """As they were written. Their times need not be in that order: `now` is taken before the
    row is locked, so whoever waited for the lock may bear the earlier time."""
    return sorted(moves, key=lambda move: move.pk)


def in_turn(happenings: Iterable[Happening], since: datetime) -> Iterator[Happening]:
    """Each not before the one before it, and none before `since`."""
    for one in happenings:
        since = max(since, one.at)
        yield replace(one, at=since)


def amount(paise: int, currency: str) -> str:
    if currency == money.CURRENCY:
        return money.format_inr(paise)
    return f"{currency} {money.plain_rupees(paise)}"


def _hidden(move: Move, of: str) -> Happening:
    """A step in between, of which the buyer need not hear."""
    return _told(move, f"{of}_{move.new}", "")


def _told(move: Move, what: str, sentence: str, **more: Any) -> Happening:
    details = " · ".join(filter(None, [more.pop("details", ""), move.why]))
    return Happening(move.at, what, sentence, details=details, actor_id=move.actor_id, **more)


def of_order(order: Order) -> Iterator[Happening]:
    items = list(order.items.all())
    notes = "1 note" if len(items) == 1 else f"{len(items)} notes"
    total = amount(order.total_paise, order.currency)
    price = f"for {total}" if order.total_paise else "free of charge"
    yield Happening(
        order.created_at,
        "ordered",
        f"You ordered {notes} {price}.",
        order.total_paise,
        details=order.gateway_order_id or "",
    )
    bought = sum(item.release_at is not None for item in items)
    moves = in_order(order.moves.all())
    yield from in_turn(
        (_of_order_move(move, bought, len(items)) for move in moves), order.created_at
    )


def _of_order_move(move: Move, bought: int, asked: int) -> Happening:
    again = (OrderState.PARTIALLY_REFUNDED, OrderState.REFUNDED)
    match move.new:
        case OrderState.PAID if move.old not in again:
            return _told(move, "order_paid", _in_library(bought, asked))
        case OrderState.EXPIRED:
            return _told(move, "order_expired", "The order was not paid in time, and has ended.")
        case OrderState.CANCELLED:
            return _told(move, "order_cancelled", "The order was cancelled.")
        case OrderState.FAILED:
            return _told(move, "order_failed", "The order ended without a purchase.")
    return _hidden(move, "order")


def _in_library(bought: int, asked: int) -> str:
    if bought == asked:
        return "Your note is in your library." if asked == 1 else "Your notes are in your library."
    if not bought:
        return "The notes could not be given to you. Their price goes back to you."
    return (
        f"{bought} of {asked} notes went into your library; the price of the rest goes back to you."
    )


def of_payment(payment: Payment) -> Iterator[Happening]:
    paid = amount(payment.amount_paise, payment.currency)
    moves = in_order(payment.moves.all())
    yield from in_turn(
        (_of_payment_move(payment, move, paid) for move in moves), payment.created_at
    )
    if payment.settled_at:
        yield _settled(payment, payment.gateway_payment_id)


def _of_payment_move(payment: Payment, move: Move, paid: str) -> Happening:
    known: dict[str, Any] = {
        "amount_paise": payment.amount_paise,
        "details": " ".join(filter(None, [payment.gateway_payment_id, payment.method])),
    }
    was_ours = move.old in (PaymentState.QUARANTINED, PaymentState.REFUNDED)
    match move.new:
        case PaymentState.AUTHORIZED:
            said = f"Your bank holds {paid} for this order. We take it in a moment, or you keep it."
            return _told(move, "payment_held", said, side=Side.HELD, **known)
        case PaymentState.FAILED:
            said = f"A payment of {paid} did not go through. If your bank took it, it returns it."
            known["details"] += f" {payment.error_description}".rstrip()
            return _told(move, "payment_failed", said, **known)
        case PaymentState.CAPTURED if not was_ours:
            return _told(move, "payment_received", _received(payment, paid), side=Side.IN, **known)
        case PaymentState.CAPTURED if move.old == PaymentState.QUARANTINED:
            return _told(move, "payment_accepted", f"We accepted your payment of {paid}.", **known)
        case PaymentState.QUARANTINED if not was_ours:
            said = f"We received {paid}, which is not what the order asks for. We look into it."
            return _told(move, "payment_in_review", said, side=Side.IN, **known)
        case PaymentState.REFUNDED if move.old not in _KEPT:
            said = f"We received {paid}, and it goes back: the order was not completed."
            return _told(move, "payment_returned", said, side=Side.IN, **known)
    return _hidden(move, "payment")


_KEPT = (PaymentState.CAPTURED, PaymentState.QUARANTINED)


def _received(payment: Payment, paid: str) -> str:
    if payment.settles:
        return f"We received {paid}."
    return f"We received {paid} once more for this order. It goes back to you."


def _settled(row: Payment | Refund, gateway_id: str | None) -> Happening:
    assert row.settled_at is not None  # noqa: S101 asked by the callers
    details = f"{gateway_id} · {row.settlement_id} · UTR {row.settlement_utr or 'unknown'}"
    return Happening(row.settled_at, "settled_with_our_bank", details=details)


def of_refund(refund: Refund, currency: str, since: datetime) -> Iterator[Happening]:
    """None of it before `since`, when its payment was taken."""
    yield from in_turn(_until_it_is_back(refund, currency), since)
    if refund.settled_at:
        yield _settled(refund, refund.gateway_refund_id)


def _until_it_is_back(refund: Refund, currency: str) -> Iterator[Happening]:
    back = amount(refund.amount_paise, currency)
    known: dict[str, Any] = {"amount_paise": refund.amount_paise}
    yield Happening(
        refund.created_at,
        "refund_started",
        f"{back} is on its way back to you.",
        details=refund.why,
        **known,
    )
    known["details"] = refund.gateway_refund_id or ""
    for move in in_order(refund.moves.all()):
        yield _of_refund_move(move, back, known)


def _of_refund_move(move: Move, back: str, known: dict[str, Any]) -> Happening:
    match move.new:
        case RefundState.PENDING:
            said = f"Our payment partner has the refund of {back} and sends it to your bank."
            return _told(move, "refund_accepted", said, **known)
        case RefundState.PROCESSED:
            said = (
                f"{back} went back to the account you paid from. Your bank shows it within 5 to "
                "7 working days."
            )
            return _told(move, "refund_completed", said, side=Side.BACK, **known)
        case RefundState.FAILED:
            said = (
                f"This refund of {back} was not made. Our team sees to it that you get what you "
                "are owed."
            )
            return _told(move, "refund_failed", said, **known)
    return _hidden(move, "refund")


def of_request(request: RefundRequest, currency: str) -> Iterator[Happening]:
    asked = amount(request.amount_paise, currency)
    by_buyer = request.asked_by_id == request.buyer_id
    said = f"You asked for {asked} back." if by_buyer else f"{asked} was asked back for you."
    yield Happening(
        request.created_at,
        "refund_asked",
        said,
        request.amount_paise,
        details=" · ".join(filter(None, [request.reason, request.comment])),
        actor_id=None if by_buyer else request.asked_by_id,
    )
    moves = in_order(request.moves.all())
    yield from in_turn(
        (_of_request_move(request, move, asked) for move in moves), request.created_at
    )


def _of_request_move(request: RefundRequest, move: Move, asked: str) -> Happening:
    known = {"amount_paise": request.amount_paise}
    match move.new:
        case RequestState.APPROVED:
            return _told(move, "refund_approved", f"Your refund of {asked} was approved.", **known)
        case RequestState.REJECTED:
            reason = f" The reason: {request.decided_why}" if request.decided_why else ""
            said = f"Your refund of {asked} was not approved.{reason}"
            return _told(move, "refund_rejected", said, **known)
    return _hidden(move, "request")


def of_dispute(dispute: Dispute, currency: str, since: datetime) -> Iterator[Happening]:
    """None of it before `since`, when its payment was taken: the gateway tells whole seconds."""
    yield from in_turn(_until_it_is_decided(dispute, currency), since)


def _until_it_is_decided(dispute: Dispute, currency: str) -> Iterator[Happening]:
    yield Happening(
        dispute.created_at,
        "dispute_opened",
        f"Your bank asked {amount(dispute.amount_paise, currency)} back for you. It decides, and "
        "until then the money is held.",
        dispute.held_paise,
        Side.HELD,
        details=" · ".join(filter(None, [dispute.gateway_dispute_id, dispute.reason_code])),
    )
    for move in in_order(dispute.moves.all()):
        yield _of_dispute_move(dispute, move, currency)


def _of_dispute_move(dispute: Dispute, move: Move, currency: str) -> Happening:
    match move.new:
        case DisputeState.WON:
            return _told(move, "dispute_ended", "Your bank decided that the payment stands.")
        case DisputeState.CLOSED:
            return _told(move, "dispute_ended", "Your bank asks no more: the payment stands.")
        case DisputeState.LOST:
            back = amount(dispute.held_paise, currency)
            said = f"Your bank decided for you and gives you {back} back."
            return _told(
                move, "dispute_paid_back", said, amount_paise=dispute.held_paise, side=Side.BACK
            )
    return _hidden(move, "dispute")
