"""Every change of a circuit breaker is an alert."""

from __future__ import annotations

from alerts.models import Severity
from alerts.services import raise_alert
from ops.breakers import Change

OPENED = ("open", "forced open")


def alert_of_change(change: Change) -> None:
    """A step, in the transaction that changes the breaker."""
    raise_alert(
        kind="ops.breaker_changed",
        severity=Severity.CRITICAL if change.new in OPENED else Severity.WARNING,
        message=f"The circuit breaker of {change.name} is {change.new}: {change.why}.",
        metadata={"breaker": change.name, "old": change.old, "new": change.new},
        dedupe_key=f"breaker:{change.name}:{change.new}",
        now=change.now,
    )
