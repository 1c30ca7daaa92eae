"""A call to somebody else's service: what every adapter wraps around its network calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from notevault.kit import bulkhead, deadline
from ops import breakers
from ops.instruments import UPSTREAM_CALLS, UPSTREAM_SECONDS, timing
from ops.transactions import lend_connection

BUSY_RETRY_AFTER_S = 1
# With less than this left of a request's time a call could only be cut off.
LEAST_S = 0.2

log = structlog.get_logger("notevault.upstream")


@dataclass
class Call:
    """One call under way. It failed unless `succeeded` says otherwise at its end."""

    timeout_s: float
    succeeded: bool = False


@contextmanager
def calling(name: str, *, most_s: float, refusal: Callable[[int], Exception]) -> Iterator[Call]:
    """Admit one call by the breaker, the bulkhead and the request's deadline.

    Raises `refusal(retry_after)` when the call is not to be made. No transaction may be
    open; the database connection goes back to its pool while the upstream thinks.
    """
    timeout_s = deadline.remaining(most_s)
    if timeout_s < LEAST_S:
        raise _refused(name, refusal, BUSY_RETRY_AFTER_S)
    try:
        with bulkhead.place(), _admitted(name, timeout_s, most_s) as call:
            yield call
    except breakers.BreakerOpen as is_open:
        raise _refused(name, refusal, is_open.retry_after) from is_open
    except bulkhead.Full as full:
        raise _refused(name, refusal, BUSY_RETRY_AFTER_S) from full


def _refused(name: str, refusal: Callable[[int], Exception], retry_after: int) -> Exception:
    UPSTREAM_CALLS.labels(name, "refused").inc()
    return refusal(retry_after)


@contextmanager
def _admitted(name: str, timeout_s: float, most_s: float) -> Iterator[Call]:
    ticket = breakers.admit(name)
    call, began = Call(timeout_s), time.monotonic()
    lend_connection()
    try:
        with timing(UPSTREAM_SECONDS, name):
            yield call
    finally:
        ms = round((time.monotonic() - began) * 1000, 1)
        log.info("upstream.called", upstream=name, succeeded=call.succeeded, ms=ms)
        UPSTREAM_CALLS.labels(name, "ok" if call.succeeded else "failed").inc()
        # A call that was cut short by its request says nothing against the upstream.
        if call.succeeded or timeout_s >= most_s / 2:
            breakers.record(ticket, succeeded=call.succeeded)
