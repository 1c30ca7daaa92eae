"""What the refund endpoints take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notevault.kit.fields import ParagraphsField, UUIDField, WholeField
from payments.serializers.orders import MAX_CART
from payments.states import Decider, Reason, RequestState

# The price limit, and more than any line was ever paid.
MOST_PAISE = 1_000_000
NEXT_STEPS = ("wait_for_check", "wait_for_decision", "wait_for_gateway", "wait_for_bank")
REFUSALS = (
    "refund_not_allowed",
    "refund_already_asked",
    "nothing_left_to_refund",
    "refund_window_closed",
    "payment_disputed",
    "refund_amount_not_allowed",
)


class WishRequest(serializers.Serializer[Any]):
    note_id = UUIDField()
    amount_paise = WholeField(
        required=False,
        min_value=1,
        max_value=MOST_PAISE,
        help_text="All that is left when it is not given.",
    )


def _no_note_twice(wishes: list[dict[str, Any]]) -> None:
    if len({wish["note_id"] for wish in wishes}) < len(wishes):
        raise serializers.ValidationError("A note is named twice.")


class RefundPreviewRequest(serializers.Serializer[Any]):
    order_id = UUIDField()
    items = serializers.ListField(
        child=WishRequest(),
        required=False,
        min_length=1,
        max_length=MAX_CART,
        validators=[_no_note_twice],
        help_text="All lines of the order when it is not given.",
    )


class RefundAskRequest(serializers.Serializer[Any]):
    order_id = UUIDField()
    items = serializers.ListField(
        child=WishRequest(), min_length=1, max_length=MAX_CART, validators=[_no_note_twice]
    )
    reason = serializers.ChoiceField(choices=Reason.choices)
    comment = ParagraphsField(required=False, default="", max_length=500)


class RefusalResponse(serializers.Serializer[Any]):
    code = serializers.ChoiceField(choices=REFUSALS)
    detail = serializers.CharField()


class RefundLineFields(serializers.Serializer[Any]):
    note_id = serializers.UUIDField()
    title = serializers.CharField()
    paid_paise = serializers.IntegerField()
    amount_paise = serializers.IntegerField(help_text="What is given back.")


class RefundPreviewLineResponse(RefundLineFields):
    left_paise = serializers.IntegerField(help_text="The most that can be given back.")
    is_whole = serializers.BooleanField(
        help_text="The whole price goes back, and the note leaves the library."
    )
    decider = serializers.ChoiceField(
        choices=Decider.choices, allow_null=True, help_text="Who would decide it by itself."
    )
    refusal = RefusalResponse(allow_null=True, help_text="Why it cannot be asked for.")


class RefundPreviewResponse(serializers.Serializer[Any]):
    order_id = serializers.UUIDField()
    amount_paise = serializers.IntegerField(help_text="Of the lines that can be asked for.")
    currency = serializers.CharField()
    decider = serializers.ChoiceField(
        choices=Decider.choices,
        allow_null=True,
        help_text="Who would decide them together; a file that is broken is checked by itself.",
    )
    ask_by = serializers.DateTimeField(allow_null=True)
    items = RefundPreviewLineResponse(many=True)


class RequestMoveResponse(serializers.Serializer[Any]):
    state = serializers.ChoiceField(choices=RequestState.choices)
    at = serializers.DateTimeField()


class RefundRequestResponse(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=RequestState.choices)
    next_step = serializers.ChoiceField(
        choices=NEXT_STEPS, allow_null=True, help_text="Null when the matter is over."
    )
    amount_paise = serializers.IntegerField()
    currency = serializers.CharField()
    reason = serializers.ChoiceField(choices=Reason.choices)
    comment = serializers.CharField(allow_blank=True)
    asked_by = serializers.ChoiceField(choices=["buyer", "support"])
    decider = serializers.ChoiceField(choices=Decider.choices)
    decided_why = serializers.CharField(allow_blank=True, help_text="Why it was rejected.")
    created_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    processed_at = serializers.DateTimeField(
        allow_null=True, help_text="When the gateway sent the money."
    )
    arrives_from = serializers.DateField(allow_null=True)
    arrives_by = serializers.DateField(
        allow_null=True, help_text="5 to 7 working days after it was sent."
    )
    items = RefundLineFields(many=True)
    history = RequestMoveResponse(many=True)


class RefundRequestListResponse(serializers.Serializer[Any]):
    items = RefundRequestResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)
