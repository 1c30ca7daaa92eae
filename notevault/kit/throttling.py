"""Rate limits by fixed window, with `RateLimit-*` headers.

Counts live in Django's cache: the shared one for sensitive endpoints, so that all pods
count together, and the process's own for plain reads, which then cost no query.
"""

from __future__ import annotations

import time
from operator import itemgetter
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

if TYPE_CHECKING:  # DRF's views import this module through settings
    from rest_framework.views import APIView

PERIODS = {"s": 1, "min": 60, "h": 3600}


def parse_rate(rate: str) -> tuple[int, int]:
    """`20/min` as (requests, seconds)."""
    count, _, period = rate.partition("/")
    return int(count), PERIODS[period]


class Throttle(BaseThrottle):
    """Counts a caller (user, else address) within its own scope or the view's
    `throttle_scope`. Of several, the one with the least left is told in the headers."""

    cache_alias = "local"
    scope = ""

    def allow_request(self, request: Request, view: APIView) -> bool:
        scope = self.scope or getattr(view, "throttle_scope", "default")
        limit, window = parse_rate(settings.THROTTLE_RATES[scope])
        now = time.time()
        self.reset_s = window - int(now) % window
        hits = self.count(f"throttle:{scope}:{self.caller(request)}:{int(now) // window}", window)
        rate = (limit, max(0, limit - hits), self.reset_s)
        known = getattr(request._request, "rate_limit", rate)
        request._request.rate_limit = min(known, rate, key=itemgetter(1))  # type: ignore[attr-defined]
        return hits <= limit

    def wait(self) -> float:
        return self.reset_s

    def caller(self, request: Request) -> str:
        user_id = getattr(request.user, "pk", None)
        return str(user_id) if user_id else str(self.get_ident(request))

    def count(self, key: str, window: int) -> int:
        cache = caches[self.cache_alias]
        if cache.add(key, 1, timeout=window):
            return 1
        try:
            return cache.incr(key)
        except ValueError:  # it expired between the two calls
            return 1


class SharedThrottle(Throttle):
    """For sign-in, registration, orders, coupons and verification: one count for all pods."""

    cache_alias = "default"
