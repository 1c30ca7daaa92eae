"""What makes an order cheaper, and which order holds which use of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from notes.models import Category, Note
from notevault.kit.ids import uuid7
from payments.models.orders import Order
from payments.states import LIVE_COUPON_USE, CouponScope, CouponUseState

CODE_PATTERN = r"^[A-Z0-9-]{4,20}$"
# What the price of an order was made from: fixed once there is an order.
TERMS = (
    "code",
    "percent",
    "max_discount_paise",
    "flat_paise",
    "min_order_paise",
    "valid_from",
    "scope",
    "category",
    "seller",
    "note",
)


def _has_only(scope: CouponScope, target: str = "") -> Q:
    targets = {f"{name}__isnull": name != target for name in ("category", "seller", "note")}
    return Q(scope=scope, **targets)


class Coupon(models.Model):
    """A code that takes a percentage, up to a cap, or a flat amount off the lines in scope.

    `uses` counts what is reserved and spent and never passes `max_uses`; the database sees
    to that. `late_uses` counts those past it: their money came after the use had been given
    back, and somebody else had it by then.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    code = models.CharField(max_length=20, unique=True)
    percent = models.PositiveSmallIntegerField(null=True, blank=True)
    max_discount_paise = models.PositiveIntegerField(null=True, blank=True)
    flat_paise = models.PositiveIntegerField(null=True, blank=True)
    min_order_paise = models.PositiveIntegerField(default=0)
    scope = models.CharField(max_length=8, choices=CouponScope, default=CouponScope.GLOBAL)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    note = models.ForeignKey(
        Note, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    max_uses = models.PositiveIntegerField(
        null=True, blank=True, help_text="By all buyers together; empty for no limit."
    )
    max_uses_per_user = models.PositiveIntegerField(
        null=True, blank=True, default=1, help_text="Empty for no limit."
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True, help_text="Empty for no end.")
    is_active = models.BooleanField(default=True)
    uses = models.PositiveIntegerField(default=0, help_text="Reserved and spent.")
    late_uses = models.PositiveIntegerField(
        default=0, help_text="Spent past the limit: paid after the order had been closed."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="coupon_code_well_formed",
                condition=Q(code__regex=CODE_PATTERN),
                violation_error_message=(
                    "A code has 4 to 20 characters: capital letters, digits and hyphens."
                ),
            ),
            models.CheckConstraint(
                name="coupon_is_percent_or_flat",
                condition=Q(
                    percent__isnull=False, max_discount_paise__isnull=False, flat_paise=None
                )
                | Q(percent=None, max_discount_paise=None, flat_paise__isnull=False),
                violation_error_message=(
                    "Give either a percentage and the most it may take off, or a flat amount."
                ),
            ),
            models.CheckConstraint(
                name="coupon_percent_in_range",
                condition=Q(percent=None) | Q(percent__gte=1, percent__lte=100),
                violation_error_message="A percentage lies between 1 and 100.",
            ),
            models.CheckConstraint(
                name="coupon_takes_something_off",
                condition=(Q(max_discount_paise=None) | Q(max_discount_paise__gt=0))
                & (Q(flat_paise=None) | Q(flat_paise__gt=0)),
                violation_error_message="A coupon takes at least one paisa off.",
            ),
            models.CheckConstraint(
                name="coupon_scope_has_its_target",
                condition=_has_only(CouponScope.GLOBAL)
                | _has_only(CouponScope.CATEGORY, "category")
                | _has_only(CouponScope.SELLER, "seller")
                | _has_only(CouponScope.NOTE, "note"),
                violation_error_message=(
                    "Name the category, seller or note that the scope speaks of, and no other."
                ),
            ),
            models.CheckConstraint(
                name="coupon_limits_allow_one_use",
                condition=(Q(max_uses=None) | Q(max_uses__gt=0))
                & (Q(max_uses_per_user=None) | Q(max_uses_per_user__gt=0)),
                violation_error_message="A limit is at least 1; switch the coupon off instead.",
            ),
            models.CheckConstraint(
                name="coupon_uses_within_limit",
                condition=Q(max_uses=None) | Q(uses__lte=F("max_uses")),
            ),
            models.CheckConstraint(
                name="coupon_ends_after_it_begins",
                condition=Q(valid_until=None) | Q(valid_until__gt=F("valid_from")),
                violation_error_message="A coupon ends after it begins.",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class CouponUse(models.Model):
    """One use of a coupon, held by one order. Each state is entered once at most, so the
    three times are its history."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    coupon = models.ForeignKey(Coupon, on_delete=models.PROTECT, related_name="coupon_uses")
    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="coupon_use")
    buyer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=CouponUseState, default=CouponUseState.RESERVED)
    reserved_at = models.DateTimeField()
    given_back_at = models.DateTimeField(null=True)
    spent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="coupon_use_has_its_times",
                condition=Q(state=CouponUseState.RESERVED, given_back_at=None, spent_at=None)
                | Q(state=CouponUseState.GIVEN_BACK, given_back_at__isnull=False, spent_at=None)
                | Q(state=CouponUseState.SPENT, spent_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["coupon", "buyer"],
                name="coupon_uses_of_buyer",
                condition=Q(state__in=LIVE_COUPON_USE),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} by order {self.order_id}"
