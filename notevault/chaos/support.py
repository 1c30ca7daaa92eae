"""The staff who decide on refunds, two of them on the dear ones."""

from __future__ import annotations

from functools import partial
from random import Random
from uuid import UUID

from notevault.chaos.staff import patiently, refused
from notevault.kit import clock
from notevault.kit.ids import uuid7
from payments import refund_requests, refunds
from payments.models import OrderItem, Refund, RefundRequest
from payments.states import (
    Decider,
    ItemOutcome,
    Reason,
    RefundState,
    RequestState,
)

UNDECIDED = (RequestState.REQUESTED, RequestState.ENDORSED, RequestState.FAILED)
# Nobody can approve these any more: their money has gone back otherwise.
NOTHING_LEFT = ("nothing_to_give_back", "nothing_left_to_refund", "line_exhausted")
REJECTED = 0.3
LOOKS_NOW = 0.6


class Support:
    def __init__(self, *, staff: tuple[UUID, UUID], dice: Random) -> None:
        self._staff = staff
        self._dice = dice

    def look(self) -> None:
        """Decide some of what waits, and give back what is here for nothing."""
        for request in patiently(self._waiting):
            if self._dice.random() < LOOKS_NOW:
                self._decide(request)
        self._give_back_rests()
        self._give_back_lines()

    def _waiting(self) -> list[RefundRequest]:
        found = RefundRequest.objects.filter(state__in=UNDECIDED).order_by("created_at")
        return list(found.exclude(state=RequestState.REQUESTED, decider=Decider.AUTOMATIC))

    def _decide(self, request: RefundRequest) -> None:
        if request.state == RequestState.FAILED:
            why = self._try_again(request)
        elif self._dice.random() < REJECTED:
            why = self._reject(request)
        else:
            why = self._approve(request)
        if why in NOTHING_LEFT:
            self._reject(request)

    def _approve(self, request: RefundRequest) -> str:
        """The first of them tries to be the second as well."""
        first, second = self._staff
        why = ""
        for person in (first, first, second):
            approve = partial(
                refund_requests.approve_request,
                request_id=request.pk,
                staff_id=person,
                now=clock.now(),
            )
            why = refused(approve)
        return why

    def _reject(self, request: RefundRequest) -> str:
        reject = partial(
            refund_requests.reject_request,
            request_id=request.pk,
            staff_id=self._staff[0],
            why="not this time",
            now=clock.now(),
        )
        return refused(reject)

    def _try_again(self, request: RefundRequest) -> str:
        retry = partial(
            refund_requests.retry_request,
            request_id=request.pk,
            staff_id=self._staff[0],
            now=clock.now(),
        )
        return refused(retry)

    def _give_back_rests(self) -> None:
        """Refunds of money that bought nothing, and that a bank has returned."""
        failed = Refund.objects.filter(state=RefundState.FAILED, request=None)
        payment_ids = patiently(lambda: set(failed.values_list("payment_id", flat=True)))
        for payment_id in payment_ids:
            give_back = partial(
                refunds.give_back_rest,
                payment_id=payment_id,
                actor_id=self._staff[1],
                now=clock.now(),
            )
            refused(give_back)

    def _give_back_lines(self) -> None:
        """Lines whose refund was returned when their buyer had bought the note once more."""
        for line in patiently(_lines_for_nothing):
            ask = partial(
                refund_requests.ask_for_buyer,
                order_id=line.order_id,
                staff_id=self._staff[0],
                wanted={line.pk: line.paid_paise - line.reversed_paise},
                reason=Reason.OTHER,
                comment="",
                now=clock.now(),
                request_id=uuid7(),
            )
            refused(ask)


def _lines_for_nothing() -> list[OrderItem]:
    asked = RefundRequest.objects.filter(state__in=UNDECIDED)
    lines = OrderItem.objects.filter(outcome=ItemOutcome.GIVEN_BACK, release_at__isnull=False)
    found = lines.exclude(order__refund_requests__in=asked)
    return [line for line in found if line.paid_paise > line.reversed_paise]
