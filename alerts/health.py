"""Whether alerts can arrive, as a line of `/health/detailed`."""

from __future__ import annotations

from dataclasses import dataclass

from health_check.exceptions import ServiceWarning

from alerts import channels, receivers, watching
from notevault.kit import clock
from ops.health.check import Check


@dataclass
class Channels(Check):
    """Degraded when an alert would reach the log only, or not all who should know."""

    def run(self) -> None:
        remote = [channel.name for channel in channels.remote()]
        off = [c.name for c in channels.remote() if receivers.is_disabled(c)]
        failing = watching.failing_channels(now=clock.now())
        self.details = {
            "channels": ["log", *remote],
            "disabled": off,
            "failing": {name: since.isoformat() for name, since in failing.items()},
        }
        if not remote:
            raise ServiceWarning("Alerts reach the log only: SECURITY_WEBHOOK_URL is not set.")
        if off:
            raise ServiceWarning(f"Switched off, because the receiver is gone: {', '.join(off)}.")
        if failing:
            raise ServiceWarning(f"Not taking alerts: {', '.join(sorted(failing))}.")
