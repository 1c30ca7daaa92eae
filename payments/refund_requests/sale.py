"""The sale that a refund is asked of: what is left of each line, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db.models import Sum

from notevault.kit.errors import DomainError
from payments import reversals
from payments.models import Order, OrderItem, Payment, RefundRequest, RefundRequestLine
from payments.refunds import PaymentDisputed
from payments.states import LIVE_DISPUTE, ItemOutcome, RequestState

WINDOW = timedelta(days=7)
# The gateway refunds no less.
LEAST_PAISE = 100


class RefundNotAllowed(DomainError):
    code = "refund_not_allowed"
    message = "This order has not been paid, so there is nothing to refund."


class RefundWindowClosed(DomainError):
    code = "refund_window_closed"
    message = f"A refund can be asked for within {WINDOW.days} days of the purchase."


class RefundAlreadyAsked(DomainError):
    code = "refund_already_asked"
    message = "A refund of this note was asked for before. Support can look at it again."


class NothingLeftToRefund(DomainError):
    code = "nothing_left_to_refund"
    message = "Nothing is left to refund: the note was free, or its price has gone back."


class RefundAmountNotAllowed(DomainError):
    code = "refund_amount_not_allowed"
    message = "Ask for all that is left of a note, or for ₹1 at least and leave ₹1 at least."


@dataclass(frozen=True)
class Line:
    """One line of a sale in a refund: `amount_paise` of it, or nothing and the `refusal`."""

    item: OrderItem
    left_paise: int
    amount_paise: int
    refusal: DomainError | None = None

    @property
    def is_whole(self) -> bool:
        return 0 < self.amount_paise == reversals.left_paise(self.item)

    @property
    def parts(self) -> tuple[int, int, int]:
        """The seller's share, the commission without its tax, and the tax."""
        return reversals.parts_of(self.item, self.amount_paise)

    def refused(self, refusal: DomainError) -> Line:
        return replace(self, amount_paise=0, refusal=refusal)


@dataclass(frozen=True)
class Sale:
    """A paid order with the payment that it was fulfilled with; None for a free one."""

    order: Order
    payment: Payment | None

    @cached_property
    def items(self) -> list[OrderItem]:
        return list(self.order.items.order_by("pk"))

    @cached_property
    def is_disputed(self) -> bool:
        disputes = self.payment and self.payment.disputes.filter(state__in=LIVE_DISPUTE)
        return bool(disputes and disputes.exists())

    @cached_property
    def asked(self) -> set[UUID]:
        """The lines that their buyer has asked for before."""
        lines = RefundRequestLine.objects.filter(item__order_id=self.order.pk, by_buyer=True)
        return set(lines.values_list("item_id", flat=True))

    @property
    def ask_by(self) -> datetime | None:
        return self.order.paid_at + WINDOW if self.order.paid_at else None

    def approved_paise(self, *, but_for: UUID | None = None) -> int:
        """What was approved for this order, whatever became of it, in one request or many."""
        approved = RefundRequest.objects.filter(
            order_id=self.order.pk,
            state__in=[RequestState.APPROVED, RequestState.COMPLETED, RequestState.FAILED],
        )
        if but_for is not None:
            approved = approved.exclude(pk=but_for)
        return approved.aggregate(total=Sum("amount_paise"))["total"] or 0

    def left_paise(self, item: OrderItem) -> int:
        """What can be given back of a line: no more than is left of the whole payment."""
        if self.payment is None or not item.release_at:
            return 0
        taken = self.payment.given_back_paise + self.payment.disputed_paise
        return min(reversals.left_paise(item), self.payment.amount_paise - taken)

    def lines(
        self, wanted: Mapping[UUID, int | None], *, now: datetime, by_buyer: bool
    ) -> list[Line]:
        """The wanted lines (None is all that is left), with the refusals of those that cannot
        be asked for. The gateway sends no refund below its least, of all lines together."""
        lines = [
            self._line(item, wanted[item.pk], now, by_buyer)
            for item in self.items
            if item.pk in wanted
        ]
        if 0 < sum(line.amount_paise for line in lines) < LEAST_PAISE:
            return [line.refused(line.refusal or RefundAmountNotAllowed()) for line in lines]
        return lines

    def _line(self, item: OrderItem, wanted: int | None, now: datetime, by_buyer: bool) -> Line:
        left = self.left_paise(item)
        line = Line(item, left, left if wanted is None else wanted)
        refusal = self._refusal(line, now, by_buyer)
        return line.refused(refusal) if refusal else line

    def _refusal(self, line: Line, now: datetime, by_buyer: bool) -> DomainError | None:
        if self.ask_by is None:
            return RefundNotAllowed()
        if by_buyer and line.item.pk in self.asked:
            return RefundAlreadyAsked()
        # Before what is left: the bank holds a part of it, or all.
        if self.is_disputed:
            return PaymentDisputed()
        if not line.left_paise or (by_buyer and line.item.outcome != ItemOutcome.GRANTED):
            return NothingLeftToRefund()
        if by_buyer and now > self.ask_by:
            return RefundWindowClosed()
        return None if _is_allowed(line) else RefundAmountNotAllowed()


def _is_allowed(line: Line) -> bool:
    """Never a rest that the gateway would not refund."""
    rest = line.left_paise - line.amount_paise
    return rest == 0 or (rest >= LEAST_PAISE and line.amount_paise >= LEAST_PAISE)
