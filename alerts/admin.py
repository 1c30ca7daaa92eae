from django.contrib import admin

from alerts.models import Alert
from ops.admin import ReadOnlyAdmin


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("raised_at", "severity", "kind", "message", "count", "delivered_at")
    list_filter = ("severity", "kind")
    search_fields = ("message", "dedupe_key", "request_id")
    ordering = ("-raised_at",)
