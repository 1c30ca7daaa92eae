"""What was left lying about, found and finished: each sweeper finds rows and cures one.

A crash between two beats, a webhook that never came, a bank that said yes late: the row
says so itself, and nothing here depends on anybody's memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import F, QuerySet

from notevault.kit.errors import DomainError
from ops import jobs
from payments import checkout, disputes, invariants, polling, refunds
from payments.gateways.base import NO_ANSWER
from payments.models import Order, Payment, Refund
from payments.states import OPEN_ORDER, OrderState, PaymentState, RefundState

BATCH = 200
MOST_UNANSWERED = 3

log = structlog.get_logger("notevault.sweepers")


@dataclass(frozen=True)
class Sweeper:
    """`find` gives ids, the oldest first; `cure` finishes one, and says so in a word."""

    about: str
    find: Callable[[datetime], QuerySet]
    cure: Callable[[UUID, datetime], str]


@dataclass(frozen=True)
class Swept:
    row_id: UUID
    outcome: str
    is_cured: bool = True


def _young(now: datetime) -> datetime:
    """What is younger is still in the hands of whoever began it."""
    return now - timedelta(seconds=settings.SWEEP_AFTER_S)


def _unopened_orders(now: datetime) -> QuerySet:
    created = Order.objects.filter(state=OrderState.CREATED, expires_at__gt=now)
    return created.filter(created_at__lte=_young(now)).order_by("created_at")


def _open_order(order_id: UUID, now: datetime) -> str:
    is_open = checkout.resume_checkout(order_id=order_id, now=now)
    return "can be paid" if is_open else "is over"


def _overdue_orders(now: datetime) -> QuerySet:
    return Order.objects.filter(state__in=OPEN_ORDER, expires_at__lte=now).order_by("expires_at")


def _expire(order_id: UUID, now: datetime) -> str:
    return "expired" if checkout.expire_order(order_id=order_id, now=now) else "was paid"


def _unheard_payments(now: datetime) -> QuerySet:
    return Order.objects.filter(ask_at__lte=now).order_by("ask_at")


def _ask(order_id: UUID, now: datetime) -> str:
    decided = polling.ask_for_order(order_id=order_id, now=now)
    return "asked" if decided else "is undecided"


def _uncaptured_payments(now: datetime) -> QuerySet:
    held = Payment.objects.filter(state=PaymentState.AUTHORIZED, created_at__lte=_young(now))
    asked_for = held.filter(amount_paise=F("order__total_paise"), currency=F("order__currency"))
    return asked_for.exclude(order__payments__settles=True).order_by("created_at")


def _take(payment_id: UUID, now: datetime) -> str:
    order_id = Payment.objects.values_list("order_id", flat=True).get(pk=payment_id)
    decided = polling.check_order(order_id=order_id, now=now)
    return "decided" if decided else "is held"


def _owed_refunds(now: datetime) -> QuerySet:
    owed = Refund.objects.filter(state=RefundState.REQUESTED, created_at__lte=_young(now))
    return owed.order_by("created_at")


def _send(refund_id: UUID, now: datetime) -> str:
    refunds.send_refund(refund_id=refund_id, now=now)
    return Refund.objects.values_list("state", flat=True).get(pk=refund_id)


def _pending_refunds(now: datetime) -> QuerySet:
    pending = Refund.objects.filter(state=RefundState.PENDING, created_at__lte=_young(now))
    return pending.order_by("created_at")


def _look_up(refund_id: UUID, now: datetime) -> str:
    decided = refunds.ask_for_refund(refund_id=refund_id, now=now)
    return "decided" if decided else "is pending"


def _lost_events(now: datetime) -> QuerySet:
    return invariants.lost_events(before=_young(now)).order_by("received_at")


def _handle(event_id: UUID, now: datetime) -> str:
    jobs.defer("payments.tasks.handle_event", once_per=f"event:{event_id}", event_id=str(event_id))
    return "is to be handled"


def _ask_for_dispute(dispute_id: UUID, now: datetime) -> str:
    return disputes.ask_for_dispute(dispute_id=dispute_id, now=now)


def _warn(dispute_id: UUID, now: datetime) -> str:
    warned = disputes.warn_of_deadline(dispute_id=dispute_id, now=now)
    return "staff are told" if warned else "was answered"


SWEEPERS: dict[str, Sweeper] = {
    "unopened-orders": Sweeper(
        "Orders left between two beats of the checkout", _unopened_orders, _open_order
    ),
    "overdue-orders": Sweeper("Open orders past their time", _overdue_orders, _expire),
    "unheard-payments": Sweeper(
        "Orders to ask the gateway for: paid there and not here", _unheard_payments, _ask
    ),
    "uncaptured-payments": Sweeper(
        "Payments authorised and not captured", _uncaptured_payments, _take
    ),
    "owed-refunds": Sweeper("Refunds that were never sent", _owed_refunds, _send),
    "pending-refunds": Sweeper(
        "Refunds that the gateway takes its time for", _pending_refunds, _look_up
    ),
    "open-disputes": Sweeper(
        "Disputes to ask the gateway for", disputes.to_ask_for, _ask_for_dispute
    ),
    "unanswered-disputes": Sweeper(
        "Disputes whose time to answer runs out", disputes.to_warn_of, _warn
    ),
    "lost-events": Sweeper("Webhook events without a job", _lost_events, _handle),
}


def sweep(name: str, *, now: datetime, limit: int = BATCH) -> Iterator[Swept]:
    """Cure what one sweeper finds, each row by itself, as it is iterated.

    A gateway that does not answer three times in a row ends it: the next run goes on.
    """
    sweeper, unanswered = SWEEPERS[name], 0
    for row_id in sweeper.find(now).values_list("pk", flat=True)[:limit]:
        if unanswered == MOST_UNANSWERED:
            return
        try:
            yield Swept(row_id, sweeper.cure(row_id, now))
            unanswered = 0
        except NO_ANSWER as error:
            # One row alone may be what the gateway cannot answer for.
            unanswered += 1
            yield Swept(row_id, error.detail, is_cured=False)
        except DomainError as refusal:
            log.warning("sweeper.refused", sweeper=name, id=str(row_id), reason=refusal.detail)
            yield Swept(row_id, refusal.detail, is_cured=False)
        except Exception as error:
            # A bug that one row brings out must not keep the others waiting behind it.
            log.exception("sweeper.failed", sweeper=name, id=str(row_id))
            yield Swept(row_id, f"failed: {type(error).__name__}", is_cured=False)
