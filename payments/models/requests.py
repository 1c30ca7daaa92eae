"""What a buyer, or staff for a buyer, asks to have back, and who decided it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.models.orders import Order, OrderItem
from payments.states import REQUEST_MOVES, Decider, Reason, RequestState


class RequestMove(Move):
    row = models.ForeignKey("RefundRequest", on_delete=models.CASCADE, related_name="moves")


class RefundRequest(Stateful):
    """One request for lines of one order. Approved, it becomes a `Refund`; one that the
    gateway refuses comes back as `failed`, and may be approved again.

    Who endorsed and approved it is in its history.
    """

    MOVES = REQUEST_MOVES
    HISTORY = RequestMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refund_requests")
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="refund_requests"
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    state = models.CharField(max_length=12, choices=RequestState, default=RequestState.REQUESTED)
    reason = models.CharField(max_length=32, choices=Reason)
    comment = models.CharField(max_length=500, blank=True)
    amount_paise = models.PositiveIntegerField(help_text="The sum of its lines.")
    decider = models.CharField(
        max_length=12, choices=Decider, default=Decider.STAFF, db_default=Decider.STAFF
    )
    findings = models.CharField(
        max_length=200, blank=True, db_default="", help_text="Of a check of the stored files."
    )
    decided_why = models.CharField(max_length=500, blank=True, help_text="Told to the buyer.")
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="request_asks_for_money", condition=Q(amount_paise__gt=0))
        ]
        indexes = [
            models.Index(fields=["buyer", "-created_at", "-id"], name="requests_of_buyer"),
            models.Index(
                fields=["created_at"],
                name="requests_to_decide",
                condition=Q(
                    state__in=[RequestState.REQUESTED, RequestState.ENDORSED, RequestState.FAILED]
                ),
            ),
        ]
        permissions = [("decide_refund", "Can approve and reject refunds")]

    def __str__(self) -> str:
        return f"refund request {self.pk}"


class RefundRequestLine(models.Model):
    """The part of one line that is asked for. A buyer may ask once per line."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(RefundRequest, on_delete=models.CASCADE, related_name="lines")
    item = models.ForeignKey(OrderItem, on_delete=models.PROTECT, related_name="+")
    amount_paise = models.PositiveIntegerField()
    by_buyer = models.BooleanField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="request_line_positive", condition=Q(amount_paise__gt=0)),
            models.UniqueConstraint(
                fields=["item"], condition=Q(by_buyer=True), name="buyers_ask_once_per_line"
            ),
            models.UniqueConstraint(fields=["request", "item"], name="line_once_per_request"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_paise} paise of {self.item_id}"
