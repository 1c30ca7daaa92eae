"""What happened that a person should know of, and who was told of it."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.db.models import Q

from alerts.states import (
    ALERT_MOVES,
    RECEIVER_MOVES,
    AlertState,
    DeliveryState,
    News,
    ReceiverState,
)
from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful


class Severity(models.TextChoices):
    CRITICAL = "critical"
    HIGH = "high"
    WARNING = "warning"


class AlertMove(Move):
    row = models.ForeignKey("Alert", on_delete=models.CASCADE, related_name="moves")


class Alert(Stateful):
    """One alert. `kind` is a name of `alerts.kinds`; rows of one `dedupe_key` are one matter."""

    MOVES = ALERT_MOVES
    HISTORY = AlertMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(
        max_length=12, choices=AlertState, default=AlertState.OPEN, db_default=AlertState.OPEN
    )
    kind = models.CharField(max_length=64)
    severity = models.CharField(max_length=8, choices=Severity)
    message = models.CharField(max_length=500)
    metadata = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=128)
    first_id = models.UUIDField(
        null=True, help_text="The first alert of the matter while it lasts; empty for that one."
    )
    request_id = models.CharField(max_length=128, blank=True)
    count = models.PositiveIntegerField(default=1, help_text="How often it was raised.")
    raised_at = models.DateTimeField()
    last_raised_at = models.DateTimeField()
    delivered_at = models.DateTimeField(
        null=True, help_text="When the last of its channels had it, or refused it."
    )

    class Meta:
        permissions = [("handle_alert", "Can acknowledge, resolve and deliver alerts again")]
        indexes = [
            models.Index(fields=["dedupe_key", "-raised_at"], name="alert_by_dedupe_key"),
            models.Index(
                fields=["raised_at"], name="alerts_undelivered", condition=Q(delivered_at=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.severity} {self.kind}: {self.message}"

    @property
    def incident_id(self) -> UUID:
        """The same for all alerts of a matter until it is resolved."""
        return self.first_id or self.pk


class AlertDelivery(models.Model):
    """What one channel is told of one alert. Its id goes to the receiver, and is the same
    at every attempt, so that doubles can be dropped there."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.CharField(max_length=32)
    address = models.CharField(
        max_length=16,
        blank=True,
        default="",
        db_default="",
        help_text="A digest of where the channel led: its name depends on its place in a list.",
    )
    news = models.CharField(max_length=8, choices=News, default=News.RAISED)
    round = models.PositiveSmallIntegerField(
        default=1, help_text="Higher when staff had it delivered again."
    )
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    told_count = models.PositiveIntegerField(null=True, help_text="The count that was delivered.")
    created_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["alert", "channel", "news", "round"], name="one_delivery_per_round"
            )
        ]
        indexes = [
            models.Index(
                fields=["channel", "created_at"],
                name="deliveries_pending",
                condition=Q(state=DeliveryState.PENDING),
            )
        ]
        verbose_name_plural = "alert deliveries"

    def __str__(self) -> str:
        return f"{self.channel}: {self.state}"


class DeliveryAttempt(models.Model):
    """One call of a receiver. It succeeded when it has no error."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    delivery = models.ForeignKey(AlertDelivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True, help_text="Of HTTP, if it answered.")
    error = models.CharField(max_length=300, blank=True)
    ms = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.status or ''} {self.error or 'delivered'}, {self.ms} ms".strip()


class ReceiverMove(Move):
    row = models.ForeignKey("Receiver", on_delete=models.CASCADE, related_name="moves")


class Receiver(Stateful):
    """A channel whose receiver said once that it is gone (HTTP 410).

    `address` is a digest: a channel that was given another address is not held to it.
    """

    MOVES = RECEIVER_MOVES
    HISTORY = ReceiverMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    channel = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=8, choices=ReceiverState, default=ReceiverState.ENABLED)
    address = models.CharField(max_length=16)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.channel}: {self.state}"
