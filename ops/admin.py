"""The cellar in Django admin, and bases for pages of rows that only use cases may write."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from notevault.kit import clock
from notevault.kit.errors import DomainError
from ops import breakers, replay
from ops.models import Backup, BreakerMove, CircuitBreaker, DeadLetter, DeadLetterMove
from ops.states import Forced


class ReasonForm(forms.Form):
    why = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget, label="Reason")


class ReadOnlyAdmin(ModelAdmin):
    show_full_result_count = False

    def for_each(
        self, request: HttpRequest, rows: QuerySet[Any], act: Callable[[Any], object], done: str
    ) -> None:
        """Run a use case per row; a refusal becomes a message and stops nothing else.

        `act` may say False for a row that it left as it was.
        """
        moved = refused = 0
        for row in rows:
            try:
                moved += act(row) is not False
            except DomainError as refusal:
                refused += 1
                self.message_user(request, f"{row}: {refusal.detail}", messages.ERROR)
        if moved or not refused:
            level = messages.SUCCESS if moved else messages.WARNING
            self.message_user(request, f"{moved} {done}.", level)

    def ask_why(
        self, request: HttpRequest, rows: QuerySet[Any], *, title: str, explanation: str
    ) -> str | HttpResponse:
        """The reason that was given, or the page that asks for it."""
        form = ReasonForm(request.POST if "confirmed" in request.POST else None)
        if form.is_valid():
            return str(form.cleaned_data["why"])
        page = {
            **self.admin_site.each_context(request),
            "form": form,
            "rows": rows,
            "action": request.POST["action"],
            "title": title,
            "explanation": explanation,
        }
        return render(request, "admin/ops/reason.html", page)

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HistoryInline(TabularInline):
    """The moves of a row as they were written, whose times need not be in that order:
    `now` is taken before the row is locked. Subclasses name the model."""

    fields = ("at", "old", "new", "why", "actor_id")
    readonly_fields = fields
    ordering = ("id",)
    can_delete = False
    extra = 0
    verbose_name_plural = "History"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyRows(TabularInline):
    """Rows that belong to the one on the page. Subclasses name model and fields."""

    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def shown_once(show: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """For a field that costs queries: a page asks several times for what it shows once."""

    @wraps(show)
    def shown(page: Any, row: Any) -> str:
        kept: dict[str, str] = row.__dict__.setdefault("_shown_once", {})
        if show.__name__ not in kept:
            kept[show.__name__] = show(page, row)
        return kept[show.__name__]

    return shown


def staff_id(request: HttpRequest) -> UUID:
    return cast(UUID, request.user.pk)


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


class LetterHistory(HistoryInline):
    model = DeadLetterMove


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("task", "error", "state", "attempts", "buried_at", "last_failed_at")
    list_filter = ("state", "task")
    search_fields = ("id", "fingerprint", "error", "request_id")
    inlines = (LetterHistory,)
    ordering = ("-last_failed_at",)
    actions = ("replay", "discard")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("ops.replay_deadletter")

    @admin.action(description="Replay", permissions=["replay"])
    def replay(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def again(row: DeadLetter) -> bool:
            return replay.replay(letter_id=row.pk, actor_id=staff_id(request), now=clock.now())

        self.for_each(request, rows, again, "put back into the queue")

    @admin.action(description="Discard…", permissions=["replay"])
    def discard(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        why = self.ask_why(
            request, rows, title="Discard", explanation="These jobs are given up for good."
        )
        if isinstance(why, HttpResponse):
            return why

        def give_up(row: DeadLetter) -> bool:
            return replay.discard(
                letter_id=row.pk, why=why, actor_id=staff_id(request), now=clock.now()
            )

        self.for_each(request, rows, give_up, "discarded")
        return None


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "finished_at",
        "size_bytes",
        "verified_at",
        "verify_error",
        "removed_at",
    )
    ordering = ("-finished_at",)
