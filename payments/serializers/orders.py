"""What the order and payment endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from notevault.kit.fields import TextField, UUIDField
from payments.serializers.invoices import BillingFields, OrderInvoiceResponse
from payments.states import ItemOutcome, OrderState

MAX_CART = 50
MAX_WAIT_S = 20
NEXT_ACTIONS = ("pay", "wait", "download", "contact_support")
HAPPENINGS = (
    "ordered",
    "order_paid",
    "order_expired",
    "order_cancelled",
    "order_failed",
    "payment_held",
    "payment_failed",
    "payment_received",
    "payment_in_review",
    "payment_accepted",
    "payment_returned",
    "refund_asked",
    "refund_approved",
    "refund_rejected",
    "refund_started",
    "refund_accepted",
    "refund_completed",
    "refund_failed",
    "dispute_opened",
    "dispute_ended",
    "dispute_paid_back",
    "note_removed",
)


class CouponCodeField(TextField):
    """Typed in any case; kept in capitals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=20, **kwargs)
        says = "A coupon's code has 4 to 20 letters, digits and hyphens."
        self.validators.append(RegexValidator(r"^[A-Za-z0-9-]{4,20}$", says))

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data).upper()


class NotesField(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=UUIDField(), min_length=1, max_length=MAX_CART, **kwargs)


class CartRequest(serializers.Serializer[Any]):
    note_ids = NotesField()
    coupon_code = CouponCodeField(required=False, default=None)


class CouponPreviewRequest(serializers.Serializer[Any]):
    note_ids = NotesField()
    coupon_code = CouponCodeField()


class OrderRequest(CartRequest):
    billing = BillingFields(required=False)


class OrderWaitRequest(serializers.Serializer[Any]):
    wait = serializers.IntegerField(
        required=False,
        default=0,
        min_value=0,
        max_value=MAX_WAIT_S,
        help_text="Seconds to wait for the payment's outcome before answering.",
    )


class VerifyRequest(serializers.Serializer[Any]):
    """The three fields that Razorpay Checkout hands to the client."""

    razorpay_order_id = TextField(
        max_length=40, validators=[RegexValidator(r"^order_[A-Za-z0-9]{14}$")]
    )
    razorpay_payment_id = TextField(
        max_length=40, validators=[RegexValidator(r"^pay_[A-Za-z0-9]{14}$")]
    )
    razorpay_signature = TextField(max_length=128, validators=[RegexValidator(r"^[0-9a-f]{64}$")])


class DiscountFields(serializers.Serializer[Any]):
    bulk_discount_paise = serializers.IntegerField(help_text="For buying several notes.")
    coupon_discount_paise = serializers.IntegerField(help_text="By the coupon.")
    discount_paise = serializers.IntegerField(help_text="Both together.")


class PriceFields(DiscountFields):
    subtotal_paise = serializers.IntegerField(help_text="The sum of list prices.")
    coupon_code = serializers.CharField(allow_null=True)
    total_paise = serializers.IntegerField(help_text="What is paid.")


class PreviewLineResponse(DiscountFields):
    note_id = serializers.UUIDField()
    title = serializers.CharField()
    price_paise = serializers.IntegerField()
    paid_paise = serializers.IntegerField()


class PreviewResponse(PriceFields):
    currency = serializers.CharField()
    items = PreviewLineResponse(many=True)


class OrderItemResponse(PreviewLineResponse):
    outcome = serializers.ChoiceField(choices=ItemOutcome.choices)


class CheckoutResponse(serializers.Serializer[Any]):
    key_id = serializers.CharField()
    gateway_order_id = serializers.CharField()
    amount_paise = serializers.IntegerField()
    currency = serializers.CharField()
    url = serializers.CharField(
        help_text="A page to pay on; empty where Razorpay's own widget is to be opened."
    )


class OrderResponse(PriceFields):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=OrderState.choices)
    next_action = serializers.ChoiceField(
        choices=NEXT_ACTIONS, allow_null=True, help_text="Null when the order is over."
    )
    currency = serializers.CharField()
    gateway_order_id = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    items = OrderItemResponse(many=True)
    billing = BillingFields(allow_null=True, help_text="Null when none was ever given.")
    invoice = OrderInvoiceResponse(allow_null=True, help_text="Null until it is issued.")
    checkout = CheckoutResponse(
        allow_null=True, help_text="What Razorpay Checkout is opened with; only to pay."
    )


class OrderListResponse(serializers.Serializer[Any]):
    items = OrderResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class MoneyResponse(serializers.Serializer[Any]):
    """Where the buyer's money is now."""

    received_paise = serializers.IntegerField()
    held_by_bank_paise = serializers.IntegerField(help_text="Held for us, and not taken.")
    on_its_way_back_paise = serializers.IntegerField()
    given_back_paise = serializers.IntegerField()
    disputed_paise = serializers.IntegerField(help_text="Until the buyer's bank decides.")


class HappeningResponse(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    what = serializers.ChoiceField(choices=HAPPENINGS)
    sentence = serializers.CharField()
    amount_paise = serializers.IntegerField(allow_null=True)


class TimelineResponse(serializers.Serializer[Any]):
    money = MoneyResponse()
    entries = HappeningResponse(many=True, source="happenings")
    downloads = serializers.IntegerField(help_text="Of its notes, so far.")


class WebhookAck(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["stored", "duplicate"])


class WebhookBody(serializers.Serializer[Any]):
    """Razorpay's envelope. The signature covers the raw bytes."""

    entity = serializers.CharField(required=False)
    account_id = serializers.CharField(required=False)
    event = serializers.CharField()
    contains = serializers.ListField(child=serializers.CharField(), required=False)
    payload = serializers.DictField()
    created_at = serializers.IntegerField()
