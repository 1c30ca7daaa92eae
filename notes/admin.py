"""The moderators' desk."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from notes import access, services
from notes.access import LINK_LIFETIME
from notes.models import Category, Note, NoteAccess, NoteMove
from notes.storage import note_storage
from notevault.kit import clock, money
from notevault.kit.errors import DomainError
from ops.admin import HistoryInline, ReadOnlyAdmin


def _moderator_id(request: HttpRequest) -> UUID:
    return cast(UUID, request.user.pk)


class RejectForm(forms.Form):
    why = forms.CharField(max_length=500, widget=UnfoldAdminTextareaWidget, label="Reason")


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
            services.publish_note(
                note_id=note.pk, moderator_id=_moderator_id(request), now=clock.now()
            )

        self._each(request, notes, publish_one, "published")

    @admin.action(description="Reject…", permissions=["moderate"])
    def reject(self, request: HttpRequest, notes: QuerySet[Note]) -> HttpResponse | None:
        form = RejectForm(request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            page = {**self.admin_site.each_context(request), "form": form, "notes": notes}
            return render(request, "admin/notes/reject.html", {**page, "title": "Reject notes"})

        def reject_one(note: Note) -> None:
            services.reject_note(
                note_id=note.pk,
                moderator_id=_moderator_id(request),
                why=form.cleaned_data["why"],
                now=clock.now(),
            )

        self._each(request, notes, reject_one, "rejected")
        return None

    def _each(self, request: HttpRequest, notes: QuerySet[Note], act: Any, done: str) -> None:
        """Run a use case per row; a refusal becomes a message and stops nothing else."""
        moved = 0
        for note in notes:
            try:
                act(note)
            except DomainError as refusal:
                self.message_user(request, f"{note}: {refusal.detail}", messages.ERROR)
            else:
                moved += 1
        if moved:
            self.message_user(request, f"{moved} {done}.", messages.SUCCESS)


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ("name", "slug")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(NoteAccess)
class NoteAccessAdmin(ReadOnlyAdmin):
    list_display = ("buyer", "note", "granted_at", "revoked_at", "downloads")
    list_select_related = ("buyer", "note")
    search_fields = ("buyer__email", "note__title", "reference")
    ordering = ("-granted_at",)
    actions = ("reset_downloads",)

    def has_support_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("notes.reset_downloads")

    @admin.action(description="Reset downloads", permissions=["support"])
    def reset_downloads(self, request: HttpRequest, accesses: QuerySet[NoteAccess]) -> None:
        for access_id in accesses.values_list("pk", flat=True):
            access.reset_downloads(access_id=access_id)
        self.message_user(request, f"Downloads reset: {len(accesses)}.", messages.SUCCESS)
