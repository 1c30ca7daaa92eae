"""What happened that a person should know of."""

from django.db import models

from notevault.kit.ids import uuid7


class Severity(models.TextChoices):
    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"


class Alert(models.Model):
    """One alert. `kind` is a stable dotted name; rows of one `dedupe_key` are one matter."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity)
    message = models.CharField(max_length=500)
    metadata = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=128)
    request_id = models.CharField(max_length=128, blank=True)
    count = models.PositiveIntegerField(default=1, help_text="How often it was raised.")
    raised_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["dedupe_key", "-raised_at"], name="alert_by_dedupe_key")]

    def __str__(self) -> str:
        return f"{self.severity} {self.kind}: {self.message}"
