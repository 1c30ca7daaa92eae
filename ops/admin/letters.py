"""The dead letters, and what staff do with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from notevault.kit import clock
from ops import replay
from ops.admin.pages import HistoryInline, ReadOnlyAdmin, staff_id
from ops.models import DeadLetter, DeadLetterMove


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
