"""What a buyer asks for: the order and its lines. Amounts are integer paise."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from notes.models import Note
from notevault.kit import money
from notevault.kit.ids import uuid7
from ops.moves import Move, Stateful
from payments.states import ORDER_MOVES, ItemOutcome, OrderState

# By it our orders are told from those of other products of the same gateway account.
RECEIPT_PREFIX = "nv_"


class OrderMove(Move):
    row = models.ForeignKey("Order", on_delete=models.CASCADE, related_name="moves")


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
    discount_paise = models.PositiveIntegerField(help_text="In bulk and by coupon.")
    coupon = models.ForeignKey(
        "Coupon", null=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    coupon_discount_paise = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The coupon's part of the discount."
    )
    total_paise = models.PositiveIntegerField()
    # Null, not empty: it is unique, and many rows have none.
    gateway_order_id = models.CharField(max_length=40, unique=True, null=True)  # noqa: DJ001
    claimed_until = models.DateTimeField(
        null=True, help_text="Until then one caller has the right to create the gateway's order."
    )
    billing_name = models.CharField(max_length=80, blank=True, default="", db_default="")
    billing_state = models.CharField(
        max_length=2,
        blank=True,
        default="",
        db_default="",
        help_text="Both blank as long as the buyer has never given them.",
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
                name="order_coupon_takes_part_of_the_discount",
                condition=Q(coupon=None, coupon_discount_paise=0)
                | Q(
                    coupon__isnull=False,
                    coupon_discount_paise__gt=0,
                    coupon_discount_paise__lte=F("discount_paise"),
                ),
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
    discount_paise = models.PositiveIntegerField(help_text="In bulk and by coupon.")
    coupon_discount_paise = models.PositiveIntegerField(
        default=0, db_default=0, help_text="The coupon's part of the discount."
    )
    paid_paise = models.PositiveIntegerField()
    commission_bps = models.PositiveSmallIntegerField()
    commission_paise = models.PositiveIntegerField()
    seller_share_paise = models.PositiveIntegerField()
    tax_paise = models.PositiveIntegerField(
        default=0, db_default=0, help_text="GST within the commission."
    )
    reversed_paise = models.PositiveIntegerField(
        default=0, db_default=0, help_text="Taken back by refunds and disputes not undone."
    )
    reversed_share_paise = models.PositiveIntegerField(default=0, db_default=0)
    reversed_tax_paise = models.PositiveIntegerField(default=0, db_default=0)
    release_at = models.DateTimeField(
        null=True, help_text="When the seller's share leaves escrow; empty until it is sold."
    )
    released_at = models.DateTimeField(null=True)
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
                name="item_coupon_takes_part_of_the_discount",
                condition=Q(coupon_discount_paise__lte=F("discount_paise")),
            ),
            models.CheckConstraint(
                name="item_shares_add_up",
                condition=Q(paid_paise=F("commission_paise") + F("seller_share_paise")),
            ),
            models.CheckConstraint(
                name="item_tax_within_commission",
                condition=Q(tax_paise__lte=F("commission_paise")),
            ),
            models.CheckConstraint(
                name="item_gives_back_what_it_took",
                condition=Q(
                    reversed_paise__lte=F("paid_paise"),
                    reversed_share_paise__lte=F("seller_share_paise"),
                    reversed_tax_paise__lte=F("tax_paise"),
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["release_at"],
                name="items_in_escrow",
                condition=Q(release_at__isnull=False, released_at=None),
            ),
            models.Index(
                fields=["seller", "release_at"],
                name="items_in_escrow_of_seller",
                condition=Q(release_at__isnull=False, released_at=None),
            ),
        ]

    def __str__(self) -> str:
        return self.title
