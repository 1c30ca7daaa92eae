"""What each mail says. One shape for all of them; `templates/mail/` gives it its look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from notevault.kit import clock
from notevault.kit.money import format_inr
from payments.mails.kinds import MailKind
from payments.models import Order, OrderItem, Payout, Refund, RefundRequest
from payments.states import RefundState, RequestState


@dataclass(frozen=True)
class Letter:
    """`rows` and `totals` are pairs of a label and an amount, `links` of a label and a URL."""

    subject: str
    paragraphs: list[str]
    rows: list[tuple[str, str]] = field(default_factory=list)
    totals: list[tuple[str, str]] = field(default_factory=list)
    closing: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)


def write(kind: MailKind, *, subject_id: UUID, recipient_id: UUID) -> Letter | None:
    """None when the mail would tell what is no longer so: another one tells what is."""
    return _WRITERS[kind](subject_id, recipient_id)


def _site(path: str) -> str:
    return f"{settings.FRONTEND_URL}{path}"


def _notes(number: int) -> str:
    return "1 note" if number == 1 else f"{number} notes"


def _receipt(order_id: UUID, _buyer_id: UUID) -> Letter:
    order = Order.objects.prefetch_related("items").get(pk=order_id)
    items = sorted(order.items.all(), key=lambda item: item.pk)
    sold = [item for item in items if item.release_at]
    day = clock.indian_day(order.paid_at or order.created_at)
    discount = [("Discount", format_inr(-order.discount_paise))] if order.discount_paise else []
    return Letter(
        subject=f"Your receipt: {_notes(len(items))}, {format_inr(order.total_paise)}",
        paragraphs=[f"Thank you for your purchase of {day:%-d %B %Y}.", *_in_library(items, sold)],
        rows=[(item.title, format_inr(item.price_paise)) for item in items],
        totals=[*discount, ("Paid, GST included", format_inr(order.total_paise))],
        closing=[f"Order {order.pk}."],
        links=[
            ("Your library", _site("/library")),
            ("Order and invoice", _site(f"/orders/{order.pk}")),
        ],
    )


def _in_library(items: list[OrderItem], sold: list[OrderItem]) -> list[str]:
    """Where the notes are, and what becomes of the money of those that are not there."""
    lost = [item for item in items if item not in sold]
    said = []
    if sold:
        are = "note is" if len(sold) == 1 else f"{len(sold)} notes are"
        said.append(f"Your {are} in your library.")
    if lost:
        titles = ", ".join(f"“{item.title}”" for item in lost)
        amount = format_inr(sum(item.paid_paise for item in lost))
        said.append(f"We could not give you {titles}: {amount} goes back to you.")
    return said


def _sale(order_id: UUID, seller_id: UUID) -> Letter | None:
    sold = OrderItem.objects.filter(
        order_id=order_id, seller_id=seller_id, release_at__isnull=False
    )
    items = list(sold.order_by("pk"))
    if not items:
        return None
    share = sum(item.seller_share_paise for item in items)
    releases = [clock.indian_day(item.release_at) for item in items if item.release_at]
    return Letter(
        subject=f"You sold {_notes(len(items))}: {format_inr(share)}",
        paragraphs=[f"A buyer has paid for {_notes(len(items))} of yours."],
        rows=[
            (f"{item.title} (paid: {format_inr(item.paid_paise)})", _share(item)) for item in items
        ],
        totals=[("Your share", format_inr(share))],
        closing=[f"It is held until {max(releases):%-d %B %Y}, then it is yours to withdraw."],
        links=[("Your ledger", _site("/seller/ledger"))],
    )


def _share(item: OrderItem) -> str:
    return format_inr(item.seller_share_paise)


def _request(subject_id: UUID, *states: RequestState) -> RefundRequest | None:
    return RefundRequest.objects.filter(pk=subject_id, state__in=states).first()


def _to_order(order_id: UUID) -> list[tuple[str, str]]:
    return [("Your order", _site(f"/orders/{order_id}"))]


def _refund_asked(subject_id: UUID, _buyer_id: UUID) -> Letter | None:
    request = _request(subject_id, RequestState.REQUESTED, RequestState.ENDORSED)
    if request is None:
        return None
    amount = format_inr(request.amount_paise)
    return Letter(
        subject=f"We have your refund request: {amount}",
        paragraphs=[
            f"You asked to have {amount} back. Our team decides, and you hear of it here.",
        ],
        links=_to_order(request.order_id),
    )


def _refund_approved(subject_id: UUID, _buyer_id: UUID) -> Letter | None:
    request = _request(subject_id, RequestState.APPROVED, RequestState.COMPLETED)
    if request is None:
        return None
    amount = format_inr(request.amount_paise)
    return Letter(
        subject=f"Your refund is approved: {amount}",
        paragraphs=[
            f"{amount} goes back to the account you paid from. Banks take 5 to 7 working days.",
        ],
        links=_to_order(request.order_id),
    )


def _refund_rejected(subject_id: UUID, _buyer_id: UUID) -> Letter | None:
    request = _request(subject_id, RequestState.REJECTED)
    if request is None:
        return None
    reason = f"The reason: {request.decided_why}" if request.decided_why else ""
    return Letter(
        subject="Your refund request was not approved",
        paragraphs=[
            f"You asked to have {format_inr(request.amount_paise)} back. Our team has looked at "
            "it and cannot approve it.",
            *filter(None, [reason]),
            "Your notes stay in your library.",
        ],
        links=_to_order(request.order_id),
    )


def _refund(subject_id: UUID, state: RefundState) -> Refund | None:
    refunds = Refund.objects.filter(pk=subject_id, state=state)
    return refunds.select_related("payment").first()


def _refund_completed(subject_id: UUID, _buyer_id: UUID) -> Letter | None:
    refund = _refund(subject_id, RefundState.PROCESSED)
    if refund is None:
        return None
    amount = format_inr(refund.amount_paise)
    return Letter(
        subject=f"Refunded: {amount}",
        paragraphs=[
            f"{amount} has gone back to the account you paid from. Banks show it within 5 to 7 "
            "working days.",
            "A note whose whole price went back is no longer in your library.",
        ],
        closing=[f"Should your bank ask, the refund is {refund.gateway_refund_id}."],
        links=_to_order(refund.payment.order_id),
    )


def _refund_failed(subject_id: UUID, _buyer_id: UUID) -> Letter | None:
    refund = _refund(subject_id, RefundState.FAILED)
    if refund is None:
        return None
    amount = format_inr(refund.amount_paise)
    return Letter(
        subject=f"Your refund of {amount} is delayed",
        paragraphs=[
            f"Our payment partner or your bank did not take the refund of {amount}. Our team has "
            "been told and sees to it; you need not do anything.",
        ],
        links=_to_order(refund.payment.order_id),
    )


def _about_payout(subject: str, text: str) -> Callable[[UUID, UUID], Letter]:
    def write_it(payout_id: UUID, _seller_id: UUID) -> Letter:
        payout = Payout.objects.get(pk=payout_id)
        amount = format_inr(payout.amount_paise)
        return Letter(
            subject=subject.format(amount=amount),
            paragraphs=[text.format(amount=amount, utr=payout.utr, why=payout.refused_why)],
            closing=[f"Payout {payout_id}."],
            links=[("Your ledger", _site("/seller/ledger"))],
        )

    return write_it


_WRITERS: dict[MailKind, Callable[[UUID, UUID], Letter | None]] = {
    MailKind.RECEIPT: _receipt,
    MailKind.SALE: _sale,
    MailKind.REFUND_ASKED: _refund_asked,
    MailKind.REFUND_APPROVED: _refund_approved,
    MailKind.REFUND_REJECTED: _refund_rejected,
    MailKind.REFUND_COMPLETED: _refund_completed,
    MailKind.REFUND_FAILED: _refund_failed,
    MailKind.PAYOUT_REQUESTED: _about_payout(
        "Payout of {amount} requested",
        "You asked for {amount}. Our team checks it and sends it to your account. If that was "
        "not you, change your password and write to us at once.",
    ),
    MailKind.PAYOUT_PAID: _about_payout(
        "Payout of {amount} paid",
        "{amount} is on its way from our bank to your account. The bank's reference is {utr}.",
    ),
    MailKind.PAYOUT_REJECTED: _about_payout(
        "Payout of {amount} not made",
        "The payout of {amount} could not be made: {why} The money is in your balance again; "
        "look at your account details before you ask for it anew.",
    ),
    MailKind.PAYOUT_RETURNED: _about_payout(
        "Payout of {amount} came back",
        "Your bank sent back the {amount} that we had paid by {utr}: {why} The money is in your "
        "balance again; look at your account details before you ask for it anew.",
    ),
}
