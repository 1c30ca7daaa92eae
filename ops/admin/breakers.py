"""The circuit breakers, and what staff hold them in."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from ops import breakers
from ops.admin.pages import HistoryInline, ReadOnlyAdmin, staff_id
from ops.models import BreakerMove, CircuitBreaker
from ops.states import Forced


class BreakerHistory(HistoryInline):
    model = BreakerMove


@admin.register(CircuitBreaker)
class CircuitBreakerAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "forced", "forced_why", "changed_at")
    inlines = (BreakerHistory,)
    ordering = ("name",)
    actions = ("force_open", "force_closed", "release")

    def has_force_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ops.force_breaker")

    @admin.action(description="Force open: call it no more…", permissions=["force"])
    def force_open(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._force(request, rows, Forced.OPEN)

    @admin.action(description="Force closed: call it whatever happens…", permissions=["force"])
    def force_closed(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._force(request, rows, Forced.CLOSED)

    @admin.action(description="Let its calls decide again…", permissions=["force"])
    def release(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        return self._force(request, rows, Forced.NOT)

    def _force(self, request: HttpRequest, rows: QuerySet[Any], to: Forced) -> HttpResponse | None:
        why = self.ask_why(
            request,
            rows,
            title=f"Force {to}" if to else "Release",
            explanation="The reason is kept in the breaker's history and sent as an alert.",
        )
        if isinstance(why, HttpResponse):
            return why

        def force(row: CircuitBreaker) -> None:
            breakers.force(name=row.name, to=to, why=why, actor_id=staff_id(request))

        self.for_each(request, rows, force, f"forced {to}" if to else "released")
        return None
