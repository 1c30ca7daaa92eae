"""What becomes of an alert, of its deliveries, and of those who receive them."""

from django.db import models


class AlertState(models.TextChoices):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


ALERT_MOVES: dict[str, set[str]] = {
    AlertState.OPEN: {AlertState.ACKNOWLEDGED, AlertState.RESOLVED},
    AlertState.ACKNOWLEDGED: {AlertState.RESOLVED},
    AlertState.RESOLVED: set(),
}
UNRESOLVED = (AlertState.OPEN, AlertState.ACKNOWLEDGED)


class DeliveryState(models.TextChoices):
    """Its attempts are a delivery's history, so it keeps no other.

    Refused: the receiver is gone or no more in the settings, or staff have given it up.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"


class News(models.TextChoices):
    """What a delivery tells of its alert."""

    RAISED = "raised"
    RESOLVED = "resolved"


class ReceiverState(models.TextChoices):
    ENABLED = "enabled"
    DISABLED = "disabled"


RECEIVER_MOVES: dict[str, set[str]] = {
    ReceiverState.ENABLED: {ReceiverState.DISABLED},
    ReceiverState.DISABLED: {ReceiverState.ENABLED},
}
