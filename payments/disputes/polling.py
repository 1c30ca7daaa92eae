"""Asking for disputes: the live ones each hour, and those of the last days, because a
webhook may never come."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db.models import QuerySet

from payments.disputes import news
from payments.disputes.outcome import ASK_EVERY
from payments.gateways import get_gateway
from payments.gateways.base import NO_ANSWER, GatewayRejected
from payments.models import Dispute
from payments.provenance import OrderNotKnownYet
from payments.refunds import PaymentNotKnownYet
from payments.states import LIVE_DISPUTE, DisputeState

# The gateway tries for a day to deliver an event, then it is lost.
LOOK_BACK = timedelta(days=3)
SOURCE = "gateway poll"

log = structlog.get_logger("notevault.disputes")


def to_ask_for(now: datetime) -> QuerySet[Dispute]:
    live = Dispute.objects.filter(state__in=LIVE_DISPUTE)
    return live.filter(ask_at__lte=now).order_by("ask_at")


def ask_for_dispute(*, dispute_id: UUID, now: datetime) -> str:
    """Take over how the gateway shows a dispute; returns its state afterwards.

    The next time is written down first: one that fails keeps none of the others waiting.
    Raises the gateway's errors; one that gave no answer is asked again soon.
    """
    dispute = Dispute.objects.get(pk=dispute_id)
    Dispute.objects.filter(pk=dispute_id).update(ask_at=now + ASK_EVERY)
    try:
        heard = get_gateway().get_dispute(dispute.gateway_dispute_id)
    except NO_ANSWER:
        Dispute.objects.filter(pk=dispute_id).update(ask_at=now)
        raise
    found = news.look_at(heard=heard, source=SOURCE, now=now)
    return found.state if found else dispute.state


def find_unheard(*, now: datetime) -> int:
    """Take in disputes of the last days whose events never came; returns how many.

    Those of payments or orders that are not known yet are left for the next time. Raises
    the gateway's errors.
    """
    listed = list(get_gateway().list_disputes(start=now - LOOK_BACK, end=now))
    known = Dispute.objects.filter(gateway_dispute_id__in=[heard.id for heard in listed])
    before = dict(known.values_list("gateway_dispute_id", "state"))
    found = 0
    for heard in listed:
        state = before.get(heard.id)
        if not news.is_news(heard, DisputeState(state) if state else None):
            continue
        try:
            found += news.look_at(heard=heard, source=SOURCE, now=now) is not None
        except (PaymentNotKnownYet, OrderNotKnownYet, GatewayRejected) as error:
            log.warning("dispute.not_taken_in", dispute_id=heard.id, reason=str(error))
    return found
