"""A circuit breaker that opens is an alert, and one that closes is its end."""

from __future__ import annotations

from alerts.delivery import BREAKERS
from alerts.models import Severity
from alerts.services import raise_alert, resolve_alert
from ops.breakers import Change
from ops.states import BreakerState

OPENED = (BreakerState.OPEN, "forced open")
# The probe says nothing yet: its outcome does.
UNDECIDED = (BreakerState.HALF_OPEN,)


def alert_of_change(change: Change) -> None:
    """A step, in the transaction that changes the breaker.

    Of a receiver of alerts that fails, `alerts.watching` tells once, on the other channels.
    """
    if change.name.startswith(BREAKERS) or change.new in UNDECIDED:
        return
    key = f"breaker:{change.name}"
    if change.new not in OPENED:
        resolve_alert(dedupe_key=key, now=change.now, why=f"{change.new}: {change.why}")
        return
    raise_alert(
        kind="ops.breaker_changed",
        severity=Severity.CRITICAL,
        message=f"The circuit breaker of {change.name} is {change.new}: {change.why}.",
        metadata={"breaker": change.name, "old": change.old, "new": change.new},
        dedupe_key=key,
        now=change.now,
    )
