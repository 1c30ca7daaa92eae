"""Alerts, who was told of them, and receivers that are switched off."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from alerts import desk, kinds, receivers
from alerts.models import Alert, AlertDelivery, AlertMove, Receiver, ReceiverMove
from notevault.kit import clock
from ops.admin import HistoryInline, ReadOnlyAdmin, ReadOnlyRows, staff_id

SHOWN_ATTEMPTS = 10


class AlertHistory(HistoryInline):
    model = AlertMove


class Deliveries(ReadOnlyRows):
    model = AlertDelivery
    fields = ("channel", "news", "round", "state", "told_count", "created_at", "done_at", "tries")
    readonly_fields = fields
    ordering = ("round", "created_at", "channel")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).prefetch_related("attempts")
        return rows

    @admin.display(description="Attempts")
    def tries(self, row: AlertDelivery) -> SafeString:
        attempts = sorted(row.attempts.all(), key=lambda attempt: attempt.pk)
        shown = attempts[-SHOWN_ATTEMPTS:]
        # Of the same zone as the times beside them.
        told = ((f"{localtime(one.at):%d %b %H:%M:%S}", str(one)) for one in shown)
        lines = format_html_join("", "{}: {}<br>", told)
        earlier = len(attempts) - len(shown)
        return format_html("{} earlier, then<br>{}", earlier, lines) if earlier else lines


class _Handled(ReadOnlyAdmin):
    def has_handle_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("alerts.handle_alert")


@admin.register(Alert)
class AlertAdmin(_Handled):
    list_display = (
        "raised_at",
        "severity",
        "kind",
        "message",
        "state",
        "count",
        "last_raised_at",
        "delivered_at",
    )
    list_filter = ("state", "severity", "kind")
    search_fields = ("message", "dedupe_key", "request_id")
    ordering = ("-raised_at",)
    fields = (
        "severity",
        "kind",
        "message",
        "raised_when",
        "what_to_do",
        "state",
        "count",
        "raised_at",
        "last_raised_at",
        "delivered_at",
        "metadata",
        "dedupe_key",
        "request_id",
    )
    inlines = (Deliveries, AlertHistory)
    actions = ("acknowledge", "resolve", "deliver_again")

    @admin.display(description="Raised when")
    def raised_when(self, row: Alert) -> str:
        return kinds.find(row.kind).raised_when

    @admin.display(description="What to do")
    def what_to_do(self, row: Alert) -> str:
        return kinds.find(row.kind).what_to_do

    @admin.action(description="Acknowledge: somebody is on it", permissions=["handle"])
    def acknowledge(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def take(row: Alert) -> bool:
            return desk.acknowledge(alert_id=row.pk, actor_id=staff_id(request), now=clock.now())

        self.for_each(request, rows, take, "acknowledged")

    @admin.action(description="Resolve…", permissions=["handle"])
    def resolve(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        why = self.ask_why(
            request, rows, title="Resolve", explanation="The channels are told that it is over."
        )
        if isinstance(why, HttpResponse):
            return why

        def end(row: Alert) -> bool:
            return desk.resolve(
                alert_id=row.pk, why=why, actor_id=staff_id(request), now=clock.now()
            )

        self.for_each(request, rows, end, "resolved")
        return None

    @admin.action(description="Deliver again", permissions=["handle"])
    def deliver_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        def again(row: Alert) -> bool:
            return desk.deliver_again(alert_id=row.pk, actor_id=staff_id(request), now=clock.now())

        self.for_each(request, rows, again, "on the way again")


class ReceiverHistory(HistoryInline):
    model = ReceiverMove


@admin.register(Receiver)
class ReceiverAdmin(_Handled):
    list_display = ("channel", "state", "changed_at")
    list_filter = ("state",)
    ordering = ("channel",)
    fields = ("channel", "state", "changed_at")
    inlines = (ReceiverHistory,)
    actions = ("enable",)

    @admin.action(description="Enable…", permissions=["handle"])
    def enable(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        why = self.ask_why(
            request, rows, title="Enable", explanation="Alerts are sent to it again from now on."
        )
        if isinstance(why, HttpResponse):
            return why

        def turn_on(row: Receiver) -> bool:
            return receivers.enable(
                receiver_id=row.pk, actor_id=staff_id(request), why=why, now=clock.now()
            )

        self.for_each(request, rows, turn_on, "enabled")
        return None
