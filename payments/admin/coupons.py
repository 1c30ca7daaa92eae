"""Coupons in Django admin: made and changed by staff, until an order was priced by one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from notevault.kit import clock, money
from ops.admin import ReadOnlyRows
from payments import locks
from payments.admin.rupees import RupeesField
from payments.models import Coupon, CouponUse
from payments.models.coupons import TERMS

_TARGETS = ("scope", "category", "seller", "note", "valid_from")
_ALWAYS = ("valid_until", "max_uses", "max_uses_per_user", "is_active")
_COUNTS = ("uses", "late_uses")


class CouponForm(forms.ModelForm):
    max_discount_paise = RupeesField(
        required=False, label="At most (₹)", help_text="The most that the percentage takes off."
    )
    flat_paise = RupeesField(required=False, label="Flat amount (₹)")
    min_order_paise = RupeesField(
        initial=0, label="Orders from (₹)", help_text="The sum of list prices, all notes together."
    )

    class Meta:
        model = Coupon
        fields = (*TERMS, *_ALWAYS)

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).upper()

    def clean_max_uses(self) -> int | None:
        most: int | None = self.cleaned_data["max_uses"]
        if most is not None and most < self.instance.uses:
            raise forms.ValidationError(
                f"It has been used {self.instance.uses} times: the limit cannot be lower."
            )
        return most


class CouponUses(ReadOnlyRows):
    model = CouponUse
    fields = ("order", "buyer", "state", "reserved_at", "given_back_at", "spent_at")
    verbose_name_plural = "Uses, the latest first"
    ordering = ("-id",)
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        uses: QuerySet[Any] = super().get_queryset(request)
        return uses.select_related("order", "buyer")


@admin.register(Coupon)
class CouponAdmin(ModelAdmin):
    form = CouponForm
    list_display = ("code", "takes_off", "scope", "used", "valid_until", "is_active")
    list_filter = ("is_active", "scope")
    search_fields = ("code",)
    ordering = ("-id",)
    raw_id_fields = ("seller", "note")
    inlines = (CouponUses,)
    show_full_result_count = False

    @admin.display(description="Takes off")
    def takes_off(self, coupon: Coupon) -> str:
        if coupon.flat_paise is not None:
            return money.format_inr(coupon.flat_paise)
        return f"{coupon.percent} %, at most {money.format_inr(coupon.max_discount_paise or 0)}"

    @admin.display(description="Orders from")
    def min_order(self, coupon: Coupon) -> str:
        return money.format_inr(coupon.min_order_paise)

    @admin.display(description="Uses", ordering="uses")
    def used(self, coupon: Coupon) -> str:
        return f"{coupon.uses} of {coupon.max_uses or 'any number'}"

    def get_fields(self, request: HttpRequest, obj: Coupon | None = None) -> Any:
        if not _has_priced(obj):
            return (*TERMS, *_ALWAYS, *(_COUNTS if obj else ()))
        return ("code", "takes_off", "min_order", *_TARGETS, *_ALWAYS, *_COUNTS)

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> Any:
        """The terms that an order was priced by stay as they were."""
        fixed = (*TERMS, "takes_off", "min_order") if _has_priced(obj) else ()
        return (*fixed, *_COUNTS)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"valid_from": clock.now(), **super().get_changeform_initial_data(request)}

    def get_object(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Coupon | None:
        """Locked while it is changed, so that no checkout counts a use that is overwritten or
        takes a price that is not there any more."""
        found = super().get_object(request, *args, **kwargs)
        is_changed = found is not None and request.method == "POST"
        return locks.lock_coupon(found.pk) if is_changed else found

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _has_priced(coupon: Coupon | None) -> bool:
    """True from its first order on, whatever became of it."""
    return coupon is not None and coupon.coupon_uses.exists()
