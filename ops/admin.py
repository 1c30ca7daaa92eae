"""Bases for admin pages of rows that only use cases may write."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline


class ReadOnlyAdmin(ModelAdmin):
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class HistoryInline(TabularInline):
    """The moves of a row, oldest first. Subclasses name the model."""

    fields = ("at", "old", "new", "why", "actor_id")
    readonly_fields = fields
    ordering = ("at", "id")
    can_delete = False
    extra = 0
    verbose_name_plural = "History"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
