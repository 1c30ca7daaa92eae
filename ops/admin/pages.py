"""Bases for the admin pages of rows that only use cases may write."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from notevault.kit.errors import DomainError


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
