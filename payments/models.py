"""Orders, the payments made for them, refunds, and the gateway's events.

Amounts are integer paise in `*_paise`. Rows are moved by `ops.moves.Stateful.move`, which
leaves a history row each time.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from notes.models import Note
from notevault.kit import money
from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.states import (
    BREAK_MOVES,
    ORDER_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    BreakKind,
    BreakState,
    BreakSubject,
    EventState,
    ItemOutcome,
    OrderState,
    PaymentState,
    RefundState,
    RunState,
)

# By it our orders are told from those of other products of the same gateway account.
RECEIPT_PREFIX = "nv_"


class OrderMove(Move):
    row = models.ForeignKey("Order", on_delete=models.CASCADE, related_name="moves")


class PaymentMove(Move):
    row = models.ForeignKey("Payment", on_delete=models.CASCADE, related_name="moves")


class RefundMove(Move):
    row = models.ForeignKey("Refund", on_delete=models.CASCADE, related_name="moves")


class BreakMove(Move):
    row = models.ForeignKey("ReconciliationBreak", on_delete=models.CASCADE, related_name="moves")


class Settled(models.Model):
    """What the settlement report tells of a payment or refund; blank until it does."""

    settlement_id = models.CharField(max_length=40, blank=True, default="", db_default="")
    settlement_utr = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The bank's reference."
    )
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class Order(Stateful):
    """One checkout. `total_paise` is what the buyer is asked to pay."""

    MOVES = ORDER_MOVES
    HISTORY = OrderMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    state = models.CharField(max_length=20, choices=OrderState, default=OrderState.CREATED)
    currency = models.CharField(max_length=3, default=money.CURRENCY)
    subtotal_paise = models.PositiveIntegerField(help_text="The sum of list prices.")
    discount_paise = models.PositiveIntegerField()
    total_paise = models.PositiveIntegerField()
    # Null, not empty: it is unique, and many rows have none.
    gateway_order_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001
    claimed_until = models.DateTimeField(
        null=True, help_text="Until then one caller has the right to create the gateway's order."
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True)
    ask_at = models.DateTimeField(
        null=True, help_text="When the gateway is next asked for payments we did not hear of."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="order_total_adds_up",
                condition=Q(total_paise=F("subtotal_paise") - F("discount_paise")),
            ),
            models.CheckConstraint(
                name="order_total_free_or_payable",
                condition=Q(total_paise=0) | Q(total_paise__gte=100),
            ),
            models.CheckConstraint(
                name="order_awaiting_has_gateway_order",
                condition=~Q(state=OrderState.AWAITING_PAYMENT) | Q(gateway_order_id__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["buyer", "-created_at", "-id"], name="orders_of_buyer"),
            models.Index(
                fields=["expires_at"],
                name="orders_to_expire",
                condition=Q(state__in=[OrderState.CREATED, OrderState.AWAITING_PAYMENT]),
            ),
            models.Index(
                fields=["ask_at"], name="orders_to_ask_for", condition=Q(ask_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.pk}"

    @property
    def receipt(self) -> str:
        """Our name for it at the gateway (at most 40 characters)."""
        return f"{RECEIPT_PREFIX}{self.pk.hex}"


class OrderItem(models.Model):
    """One note in an order, with the price and the commission as they were sold."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="items")
    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="+")
    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    title = models.CharField(max_length=120)
    price_paise = models.PositiveIntegerField()
    discount_paise = models.PositiveIntegerField()
    paid_paise = models.PositiveIntegerField()
    commission_bps = models.PositiveSmallIntegerField()
    commission_paise = models.PositiveIntegerField()
    seller_share_paise = models.PositiveIntegerField()
    is_open = models.BooleanField(
        default=True, help_text="The order still waits for its money, so the note is spoken for."
    )
    outcome = models.CharField(max_length=12, choices=ItemOutcome, default=ItemOutcome.PENDING)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order", "note"], name="note_once_per_order"),
            models.UniqueConstraint(
                fields=["buyer", "note"],
                condition=Q(is_open=True),
                name="one_open_order_per_buyer_and_note",
            ),
            models.CheckConstraint(
                name="item_price_adds_up",
                condition=Q(paid_paise=F("price_paise") - F("discount_paise")),
            ),
            models.CheckConstraint(
                name="item_shares_add_up",
                condition=Q(paid_paise=F("commission_paise") + F("seller_share_paise")),
            ),
        ]

    def __str__(self) -> str:
        return self.title


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
    created_at = models.DateTimeField()
    captured_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(settles=True), name="one_settling_payment_per_order"
            ),
            models.CheckConstraint(
                name="refunds_never_exceed_capture",
                condition=Q(given_back_paise__lte=F("amount_paise")),
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


class Refund(Settled, Stateful):
    """Money on its way back to the buyer. Its id is the gateway's idempotency key."""

    MOVES = REFUND_MOVES
    HISTORY = RefundMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
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


class IdempotencyKey(models.Model):
    """One user's `Idempotency-Key`: leased to the request that works, then with its answer.

    Times are the database's, so that no process's clock can prolong a lease.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, path and body.")
    holder = models.UUIDField(help_text="Of several requests, the one that works.")
    leased_until = models.DateTimeField(help_text="Until then it works, or has died.")
    expires_at = models.DateTimeField(help_text="From then on the key may be used anew.")
    status = models.PositiveSmallIntegerField(null=True, help_text="None while in flight.")
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")
        ]
        indexes = [models.Index(fields=["expires_at"], name="idempotency_keys_to_remove")]

    def __str__(self) -> str:
        return self.key


class ReconciliationRun(models.Model):
    """One comparison of our books with the gateway's, over whole days of Indian time.

    `until` is where its last day was cut off: what is younger may still be on its way.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    first_day = models.DateField()
    last_day = models.DateField()
    until = models.DateTimeField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, choices=RunState, default=RunState.RUNNING)
    outcome = models.CharField(max_length=200, blank=True)
    payments = models.PositiveIntegerField(default=0, help_text="Of the gateway's list.")
    refunds = models.PositiveIntegerField(default=0, help_text="Of the gateway's list.")
    settled = models.PositiveIntegerField(default=0, help_text="Lines of settlement reports.")
    foreign = models.PositiveIntegerField(
        default=0, help_text="Made by another product of the same gateway account."
    )
    filled_in = models.PositiveIntegerField(
        default=0, help_text="Rows that learnt their fee or their settlement."
    )
    healed = models.PositiveIntegerField(default=0)
    open = models.PositiveIntegerField(default=0, help_text="Breaks left to staff.")

    class Meta:
        indexes = [models.Index(fields=["-started_at"], name="runs_newest")]

    def __str__(self) -> str:
        return f"{self.first_day} to {self.last_day}"


class ReconciliationBreak(Stateful):
    """One difference between our books and the gateway's, or the settlement report's.

    `ours_paise` and `theirs_paise` are the two sides, empty where the thing is missing.
    `day` is the one under which it was found. Who closed it and why is in its history.
    """

    MOVES = BREAK_MOVES
    HISTORY = BreakMove

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=16, choices=BreakKind)
    subject = models.CharField(max_length=12, choices=BreakSubject)
    gateway_id = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=BreakState, default=BreakState.OPEN)
    ours_paise = models.BigIntegerField(null=True)
    theirs_paise = models.BigIntegerField(null=True)
    difference_paise = models.BigIntegerField(help_text="Theirs less ours.")
    currency = models.CharField(max_length=3)
    details = models.CharField(max_length=300)
    settlement_id = models.CharField(max_length=40, blank=True)
    utr = models.CharField(max_length=40, blank=True)
    day = models.DateField()
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    healed_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "gateway_id"], name="one_break_per_matter"
            )
        ]
        indexes = [
            models.Index(fields=["-last_seen_at"], name="breaks_newest"),
            models.Index(fields=["day"], name="breaks_open", condition=Q(state=BreakState.OPEN)),
        ]
        permissions = [("close_break", "Can close a break of the reconciliation")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.gateway_id}"
