"""What the payout endpoints take and give."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from notevault.kit.fields import TextField, WholeField
from payments.states import PayoutState

# ₹10 crore: more than a bank takes in one such transfer.
_MOST_PAISE = 10_000_000_000
# Latin letters, as bank files have them, and none of the signs that begin a formula.
_HOLDER = RegexValidator(
    r"^[A-Za-z][A-Za-z0-9 .,'&/()-]{1,98}[A-Za-z0-9.)]$",
    "Write the holder's name in Latin letters, as the bank has it.",
)
_ACCOUNT = RegexValidator(r"^[0-9]{9,18}$", "An account number has 9 to 18 digits.")
_IFSC = RegexValidator(
    r"^[A-Z]{4}0[A-Z0-9]{6}$", "An IFSC has four letters, a zero, and six letters or digits."
)
_UPI_ID = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{1,63}@[A-Za-z][A-Za-z0-9]{1,31}$",
    "Enter a UPI id such as name@bank.",
)


class BankAccountRequest(serializers.Serializer[Any]):
    holder_name = TextField(min_length=3, max_length=100, validators=[_HOLDER])
    account_number = TextField(max_length=18, validators=[_ACCOUNT])
    ifsc = TextField(max_length=11, validators=[_IFSC])


class PayoutRequest(serializers.Serializer[Any]):
    """Either a UPI id or a bank account."""

    amount_paise = WholeField(
        min_value=1, max_value=_MOST_PAISE, help_text="At least 10000, which is ₹100."
    )
    upi_id = TextField(required=False, max_length=100, validators=[_UPI_ID])
    bank_account = BankAccountRequest(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("upi_id" in attrs) == ("bank_account" in attrs):
            raise serializers.ValidationError("Give either upi_id or bank_account.")
        return attrs


class PayoutRequestSchema(OpenApiSerializerExtension):
    """What `validate` demands, for clients that read the schema."""

    target_class = PayoutRequest

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**schema, "oneOf": [{"required": ["upi_id"]}, {"required": ["bank_account"]}]}


class BankAccountResponse(serializers.Serializer[Any]):
    holder_name = serializers.CharField()
    account_number = serializers.CharField(help_text="Only its last four digits.")
    ifsc = serializers.CharField()


class PayoutResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=PayoutState.choices)
    amount_paise = serializers.IntegerField()
    currency = serializers.CharField()
    upi_id = serializers.CharField(allow_null=True)
    bank_account = BankAccountResponse(allow_null=True)
    utr = serializers.CharField(allow_null=True, help_text="The bank's reference, once paid.")
    refused_why = serializers.CharField(
        allow_null=True,
        help_text="Why it failed at the bank, was rejected, or came back.",
    )
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)


class PayoutListResponse(serializers.Serializer[Any]):
    available_paise = serializers.IntegerField(
        help_text="What may be taken out now. Negative when refunds took more than was left."
    )
    in_transit_paise = serializers.IntegerField(help_text="Asked for and not paid yet.")
    items = PayoutResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)
