"""What the order and payment endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from notevault.kit.fields import TextField, UUIDField
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


class CartRequest(serializers.Serializer[Any]):
    note_ids = serializers.ListField(child=UUIDField(), min_length=1, max_length=MAX_CART)


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


class PriceFields(serializers.Serializer[Any]):
    subtotal_paise = serializers.IntegerField(help_text="The sum of list prices.")
    discount_paise = serializers.IntegerField()
    total_paise = serializers.IntegerField(help_text="What is paid.")


class PreviewLineResponse(serializers.Serializer[Any]):
    note_id = serializers.UUIDField()
    title = serializers.CharField()
    price_paise = serializers.IntegerField()
    discount_paise = serializers.IntegerField()
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
