"""What the gateway tells us: payments, refunds, and the events themselves."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.models.orders import Order
from payments.models.requests import RefundRequest
from payments.states import (
    PAYMENT_MOVES,
    REFUND_MOVES,
    EventState,
    PaymentState,
    RefundState,
)


class PaymentMove(Move):
    row = models.ForeignKey("Payment", on_delete=models.CASCADE, related_name="moves")


class RefundMove(Move):
    row = models.ForeignKey("Refund", on_delete=models.CASCADE, related_name="moves")


class Settled(models.Model):
    """What the settlement report tells of a payment or refund; blank until it does."""

    settlement_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    settlement_utr = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The bank's reference."
    )
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Payment(Settled, Stateful):
    """One attempt to pay, as the gateway told us of it.

    `settles` marks the one payment that the order was fulfilled with; a second capture of
    an order never gets it (I1).
    """

    MOVES = PAYMENT_MOVES
    HISTORY = PaymentMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    gateway_payment_id = models.CharField(max_length=40, unique=True)
    state = models.CharField(max_length=12, choices=PaymentState, default=PaymentState.CREATED)
    # What the gateway says, so also what is absurd and goes into quarantine.
    amount_paise = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=32, blank=True)
    fee_paise = models.PositiveBigIntegerField(null=True)
    tax_paise = models.PositiveBigIntegerField(null=True)
    error_code = models.CharField(max_length=64, blank=True)
    error_description = models.CharField(max_length=255, blank=True)
    settles = models.BooleanField(default=False)
    given_back_paise = models.PositiveBigIntegerField(
        default=0, help_text="Refunds asked for and not failed; never above the amount (I4)."
    )
    disputed_paise = models.PositiveBigIntegerField(
        default=0, db_default=0, help_text="Held by disputes, or lost to them."
    )
    created_at = models.DateTimeField()
    captured_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(settles=True), name="one_settling_payment_per_order"
            ),
            models.CheckConstraint(
                name="refunds_never_exceed_capture",
                condition=Q(amount_paise__gte=F("given_back_paise") + F("disputed_paise")),
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="payments_by_time"),
            models.Index(
                fields=["created_at"],
                name="payments_uncaptured",
                condition=Q(state=PaymentState.AUTHORIZED),
            ),
            models.Index(
                fields=["captured_at"],
                name="payments_unsettled",
                condition=Q(captured_at__isnull=False, settled_at=None),
            ),
        ]
        permissions = [("resolve_quarantine", "Can accept or give back a quarantined payment")]

    def __str__(self) -> str:
        return self.gateway_payment_id

    @property
    def quarantine_key(self) -> str:
        """Under which staff are alerted of its quarantine."""
        return f"quarantine:{self.gateway_payment_id}"


class Refund(Settled, Stateful):
    """Money on its way back to the buyer. Its id is the gateway's idempotency key."""

    MOVES = REFUND_MOVES
    HISTORY = RefundMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    request = models.ForeignKey(
        RefundRequest,
        null=True,
        on_delete=models.PROTECT,
        related_name="refunds",
        db_index=False,  # built beside the traffic
    )
    state = models.CharField(max_length=12, choices=RefundState, default=RefundState.REQUESTED)
    amount_paise = models.PositiveBigIntegerField()
    why = models.CharField(max_length=200)
    # Null, not empty: it is unique, and many rows have none.
    gateway_refund_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001
    created_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="refund_is_positive", condition=Q(amount_paise__gt=0))
        ]
        indexes = [
            models.Index(fields=["created_at"], name="refunds_by_time"),
            models.Index(
                fields=["request"], name="refunds_of_request", condition=Q(request__isnull=False)
            ),
            models.Index(
                fields=["created_at"],
                name="refunds_under_way",
                condition=Q(state__in=[RefundState.REQUESTED, RefundState.PENDING]),
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.pk}"

    @property
    def idempotency_key(self) -> str:
        return self.pk.hex

    @property
    def failure_key(self) -> str:
        """Under which staff are alerted that it failed: one matter with what is tried in its
        place for the same request."""
        return f"refund-failed:{self.request_id or self.pk}"


class WebhookEvent(models.Model):
    """One event of the gateway, stored before it is acted on (I5).

    `received` ones have a job under way. `acknowledged` ones ask nothing of us.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_id = models.CharField(max_length=80, unique=True)
    event = models.CharField(max_length=64)
    payload = models.JSONField()
    state = models.CharField(max_length=12, choices=EventState, default=EventState.RECEIVED)
    created_at = models.DateTimeField(help_text="At the gateway.")
    received_at = models.DateTimeField()
    handled_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["-received_at"], name="events_newest"),
            models.Index(
                fields=["received_at"],
                name="events_unhandled",
                condition=Q(state=EventState.RECEIVED),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.event_id}"
