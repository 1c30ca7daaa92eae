"""The circuit breakers: an upstream that is not called."""

from __future__ import annotations

from dataclasses import dataclass

from health_check.exceptions import ServiceWarning

from ops.health.check import Check
from ops.models import CircuitBreaker
from ops.states import BreakerState


@dataclass
class Breakers(Check):
    def run(self) -> None:
        states = {
            breaker.name: breaker.effective_state
            for breaker in CircuitBreaker.objects.order_by("name")
        }
        self.details["breakers"] = states
        stopped = [name for name, state in states.items() if state != BreakerState.CLOSED]
        if stopped:
            raise ServiceWarning(f"not closed: {', '.join(stopped)}")
