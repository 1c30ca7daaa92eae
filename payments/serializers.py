"""What the order and payment endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from rest_framework import serializers

from notevault.kit.fields import TextField, UUIDField
from payments.invoice_serializers import BillingFields, OrderInvoiceResponse
from payments.states import ItemOutcome, OrderState

MAX_CART = 50
MAX_WAIT_S = 20
NEXT_ACTIONS = ("pay", "wait", "download", "contact_support")


class CartRequest(serializers.Serializer[Any]):
    note_ids = serializers.ListField(child=UUIDField(), min_length=1, max_length=MAX_CART)


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
    billing = BillingFields(allow_null=True, help_text="Null when none was ever given.")
    invoice = OrderInvoiceResponse(allow_null=True, help_text="Null until it is issued.")
    checkout = CheckoutResponse(
        allow_null=True, help_text="What Razorpay Checkout is opened with; only to pay."
    )


class OrderListResponse(serializers.Serializer[Any]):
    items = OrderResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)


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
