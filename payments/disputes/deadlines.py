"""A dispute that nobody answers is lost: staff are told two days and one day before."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from alerts.models import Severity
from alerts.services import raise_alert
from notevault.kit import clock, money
from ops.transactions import use_case
from payments.models import Dispute
from payments.states import DisputeState

# The bank waits for us, not we for the bank.
UNANSWERED = (DisputeState.OPEN, DisputeState.ACTION_REQUIRED)
NOTICES_H = {48: Severity.HIGH, 24: Severity.CRITICAL}


def to_warn_of(now: datetime) -> QuerySet[Dispute]:
    """Those whose next notice is due, the most urgent first."""
    due = Q()
    for hours in NOTICES_H:
        longer = [0, *(other for other in NOTICES_H if other > hours)]
        due |= Q(respond_by__lte=now + timedelta(hours=hours), warned_h__in=longer)
    return Dispute.objects.filter(due, state__in=UNANSWERED).order_by("respond_by")


@use_case
def warn_of_deadline(*, dispute_id: UUID, now: datetime) -> bool:
    """Raise the alert for the notice that is due, once; False when none is any more."""
    dispute = to_warn_of(now).filter(pk=dispute_id).first()
    if dispute is None or dispute.respond_by is None:
        return False
    left = dispute.respond_by - now
    hours = min(hours for hours in NOTICES_H if left <= timedelta(hours=hours))
    claimed = Dispute.objects.filter(pk=dispute_id, warned_h=dispute.warned_h)
    if claimed.update(warned_h=hours) != 1:
        return False
    raise_alert(
        kind="payments.dispute_unanswered",
        severity=NOTICES_H[hours],
        message=(
            f"Dispute {dispute.gateway_dispute_id} of {money.format_inr(dispute.amount_paise)} "
            f"is not answered, and must be by {clock.indian_time(dispute.respond_by)}."
        ),
        metadata={
            "dispute_id": dispute.gateway_dispute_id,
            "respond_by": dispute.respond_by.isoformat(),
        },
        dedupe_key=f"dispute-unanswered:{dispute.pk}:{hours}:{dispute.respond_by:%Y%m%d%H%M}",
        now=now,
    )
    return True
