"""The moderators' desk."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from unfold.admin import ModelAdmin, TabularInline

from notes import access, services
from notes.access import LINK_LIFETIME
from notes.models import Category, DownloadEvent, Note, NoteAccess, NoteMove
from notes.storage import note_storage
from notevault.kit import clock, money
from ops.admin import HistoryInline, ReadOnlyAdmin, staff_id


class NoteHistory(HistoryInline):
    model = NoteMove


@admin.register(Note)
class NoteAdmin(ReadOnlyAdmin):
    list_display = ("title", "state", "seller", "category", "price", "page_count", "created_at")
    list_filter = ("state", "category", "language")
    search_fields = ("title", "seller__email", "id")
    list_select_related = ("seller", "category")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (NoteHistory,)
    actions = ("publish", "reject")
    fields = (
        "title",
        "description",
        "state",
        "seller",
        "category",
        "price",
        "page_count",
        "read_pdf",
        "university",
        "course",
        "semester",
        "language",
        "sales_count",
        "rejected_why",
        "created_at",
        "published_at",
    )
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Note | None = None) -> Any:
        """Only who moderates may open a paid PDF."""
        fields = super().get_fields(request, obj)
        hidden = () if self.has_moderate_permission(request) else ("read_pdf",)
        return [name for name in fields if name not in hidden]

    @admin.display(description="Price", ordering="price_paise")
    def price(self, note: Note) -> str:
        return money.format_inr(note.price_paise)

    @admin.display(description="PDF")
    def read_pdf(self, note: Note) -> str:
        if note.file is None:
            return "No file yet"
        url = note_storage().download_url(
            note.file.storage_name,
            filename=f"{note.title}.pdf",
            expires_at=clock.now() + LINK_LIFETIME,
        )
        return format_html('<a href="{}">Open the PDF</a> (the link lives 10 minutes)', url)

    def has_moderate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notes.moderate_note")

    @admin.action(description="Publish", permissions=["moderate"])
    def publish(self, request: HttpRequest, notes: QuerySet[Note]) -> None:
        def publish_one(note: Note) -> None:
            services.publish_note(note_id=note.pk, moderator_id=staff_id(request), now=clock.now())

        self.for_each(request, notes, publish_one, "published")

    @admin.action(description="Reject…", permissions=["moderate"])
    def reject(self, request: HttpRequest, notes: QuerySet[Note]) -> HttpResponse | None:
        why = self.ask_why(
            request,
            notes,
            title="Reject notes",
            explanation="The seller reads this reason and may submit the note again.",
        )
        if isinstance(why, HttpResponse):
            return why

        def reject_one(note: Note) -> None:
            services.reject_note(
                note_id=note.pk, moderator_id=staff_id(request), why=why, now=clock.now()
            )

        self.for_each(request, notes, reject_one, "rejected")
        return None


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}


class DownloadEventRows(TabularInline):
    model = DownloadEvent
    fields = ("at", "ip_address", "user_agent")
    readonly_fields = fields
    ordering = ("at", "id")
    can_delete = False
    extra = 0
    verbose_name_plural = "Download links given"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(NoteAccess)
class NoteAccessAdmin(ReadOnlyAdmin):
    list_display = ("buyer", "note", "granted_at", "revoked_at", "downloads")
    list_select_related = ("buyer", "note")
    search_fields = ("buyer__email", "note__title", "reference")
    ordering = ("-granted_at",)
    inlines = (DownloadEventRows,)
    actions = ("reset_downloads",)

    def has_support_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notes.reset_downloads")

    @admin.action(description="Reset downloads", permissions=["support"])
    def reset_downloads(self, request: HttpRequest, accesses: QuerySet[NoteAccess]) -> None:
        for access_id in accesses.values_list("pk", flat=True):
            access.reset_downloads(access_id=access_id)
        self.message_user(request, f"Downloads reset: {len(accesses)}.", messages.SUCCESS)
