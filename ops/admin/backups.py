"""Backups in Django admin."""

from __future__ import annotations

from django.contrib import admin

from ops.admin.pages import ReadOnlyAdmin
from ops.backup import desk
from ops.models import Backup


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "finished_at",
        "size",
        "verified_at",
        "verify_error",
        "removed_at",
    )
    ordering = ("-finished_at",)

    @admin.display(ordering="size_bytes")
    def size(self, row: Backup) -> str:
        return desk.size(row.size_bytes)
