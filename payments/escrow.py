"""A seller's share leaves escrow when its week is over, each line once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db.models import F, QuerySet, Sum

from notevault.kit import crash
from ops.transactions import use_case
from payments import locks
from payments.ledger.posting import Leg, Posting, post
from payments.models import OrderItem
from payments.states import AccountKind, TransactionKind

BATCH = 200

log = structlog.get_logger("notevault.escrow")


@dataclass(frozen=True)
class Released:
    """How many lines, and the paise that became available by them."""

    lines: int
    paise: int


def due(now: datetime) -> Released:
    """What would be released now; changes nothing."""
    left = _due_lines(now).aggregate(
        paise=Sum(F("seller_share_paise") - F("reversed_share_paise"), default=0)
    )
    return Released(_due_lines(now).count(), left["paise"])


def release_due(*, now: datetime, limit: int | None = None) -> Iterator[Released]:
    """Release what is due, the oldest first, a batch in a transaction, as it is iterated.

    Ends when a batch found nothing, or only orders that somebody else has locked: the next
    run has them.
    """
    while limit is None or limit > 0:
        size = BATCH if limit is None else min(BATCH, limit)
        released = release_batch(now=now, size=size)
        if not released.lines:
            return
        log.info("escrow.released", lines=released.lines, paise=released.paise)
        yield released
        limit = None if limit is None else limit - released.lines


@use_case
def release_batch(*, now: datetime, size: int = BATCH) -> Released:
    """Move what is left of the shares of at most `size` lines from pending to available.

    A line of which nothing is left is released as well. A refund or dispute of the same
    moment sees the line before or after, because it locks the order too.
    """
    found = dict(_due_lines(now).order_by("release_at").values_list("pk", "order_id")[:size])
    free = locks.lock_free_orders(set(found.values()))
    lines = list(_due_lines(now).filter(pk__in=found, order_id__in=free))
    OrderItem.objects.filter(pk__in=[line.pk for line in lines]).update(released_at=now)
    post([_release(line) for line in lines], now=now)
    if lines:
        crash.point("escrow.before_commit")
    return Released(len(lines), sum(_share_left(line) for line in lines))


def _due_lines(now: datetime) -> QuerySet[Any, Any]:
    return OrderItem.objects.filter(release_at__lte=now, released_at=None)


def _share_left(line: OrderItem) -> int:
    return line.seller_share_paise - line.reversed_share_paise


def _release(line: OrderItem) -> Posting:
    left = _share_left(line)
    return Posting(
        kind=TransactionKind.ESCROW_RELEASE,
        subject_id=line.pk,
        order_id=line.order_id,
        legs=[
            Leg(AccountKind.SELLER_PENDING, -left, owner_id=line.seller_id, item_id=line.pk),
            Leg(AccountKind.SELLER_AVAILABLE, left, owner_id=line.seller_id, item_id=line.pk),
        ],
    )
