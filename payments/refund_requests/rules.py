"""Who decides a refund: a rule, one of the staff, or two of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from payments.refund_requests.sale import Line, Sale
from payments.states import Decider

UNREAD_FOR = timedelta(hours=24)
# What one of the staff, or a rule, may give back of one order: all its requests together, so
# that parts need the same two people as the whole.
ALONE_UP_TO_PAISE = 200_000


def needs_two(sale: Sale, amount_paise: int, *, but_for: UUID | None = None) -> bool:
    return sale.approved_paise(but_for=but_for) + amount_paise > ALONE_UP_TO_PAISE


def decider_of(
    *, lines: Sequence[Line], unread: Collection[UUID], is_large: bool, sale: Sale, now: datetime
) -> Decider:
    """For whole lines that nobody has read, a day after their purchase at most, a rule.

    Never for a part: its buyer keeps the note.
    """
    if is_large:
        return Decider.TWO_STAFF
    paid_at = sale.order.paid_at
    is_early = paid_at is not None and now <= paid_at + UNREAD_FOR
    is_unread = all(line.is_whole and line.item.pk in unread for line in lines)
    return Decider.AUTOMATIC if is_early and is_unread else Decider.STAFF
