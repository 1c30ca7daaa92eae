"""How the shop fares with the gateway, as its circuit breaker counts it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import connection

from notevault.chaos.staff import patiently
from ops.breakers import WINDOW_S, totals
from ops.models import CircuitBreaker
from ops.states import BreakerState

GATEWAY = "razorpay"


@dataclass(frozen=True)
class Traffic:
    """Calls and failures of the last ten seconds; cut off while the breaker lets none through."""

    calls: int
    failures: int
    is_cut_off: bool


def look() -> Traffic:
    row = patiently(CircuitBreaker.objects.filter(name=GATEWAY).first)
    connection.close()
    if row is None:
        return Traffic(calls=0, failures=0, is_cut_off=False)
    since = int(time.time()) - WINDOW_S
    calls, failures = totals({at: seen for at, seen in row.seconds.items() if int(at) > since})
    return Traffic(calls, failures, is_cut_off=row.state != BreakerState.CLOSED)
