"""What the seller's views of money take and give."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from notevault.kit.pagination import PageRequest
from payments.selling.statement import ACCOUNTS
from payments.states import TransactionKind

MAX_DAYS = 365


class DashboardRequest(serializers.Serializer[Any]):
    days = serializers.IntegerField(
        required=False,
        default=30,
        min_value=1,
        max_value=MAX_DAYS,
        help_text="Indian days; today is the last of them.",
    )


class FiguresResponse(serializers.Serializer[Any]):
    sales = serializers.IntegerField(help_text="Notes sold for money.")
    gross_paise = serializers.IntegerField(help_text="What buyers paid for them.")
    share_paise = serializers.IntegerField(help_text="Of it, the seller's.")
    refunded_paise = serializers.IntegerField(help_text="The seller's share of refunds.")
    disputed_paise = serializers.IntegerField(help_text="The same, held by or lost to disputes.")
    net_paise = serializers.IntegerField(help_text="Share less refunds and disputes.")


class NoteFiguresResponse(FiguresResponse):
    note_id = serializers.UUIDField()
    title = serializers.CharField()


class DayFiguresResponse(FiguresResponse):
    day = serializers.DateField()


class BalancesResponse(serializers.Serializer[Any]):
    pending_paise = serializers.IntegerField(help_text="In escrow.")
    available_paise = serializers.IntegerField(help_text="Below zero when refunds took more.")
    in_transit_paise = serializers.IntegerField(help_text="Asked for, and not paid yet.")
    paid_out_paise = serializers.IntegerField(help_text="In all.")
    owed_paise = serializers.IntegerField(help_text="How far the available balance is below zero.")
    sentence = serializers.CharField(allow_blank=True, help_text="What a balance below zero means.")


class ReleaseResponse(serializers.Serializer[Any]):
    day = serializers.DateField()
    amount_paise = serializers.IntegerField()


class DashboardResponse(serializers.Serializer[Any]):
    balances = BalancesResponse()
    totals = FiguresResponse()
    by_note = NoteFiguresResponse(many=True, help_text="The ten that earned most.")
    other_notes = FiguresResponse(help_text="All others together.")
    by_day = DayFiguresResponse(many=True, help_text="Every day, oldest first.")
    releases = ReleaseResponse(many=True, help_text="When money in escrow becomes available.")

    def get_fields(self) -> dict[str, serializers.Field]:
        # `from` is a word of Python's own, so it cannot be a class attribute.
        days = {"from": serializers.DateField(), "to": serializers.DateField()}
        return {**super().get_fields(), **days}


class StatementFilters(serializers.Serializer[Any]):
    account = serializers.ChoiceField(choices=list(ACCOUNTS), required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        days = {
            "from": serializers.DateField(
                source="start", required=False, help_text="First Indian day."
            ),
            "to": serializers.DateField(
                source="end", required=False, help_text="Last Indian day, included."
            ),
        }
        return {**super().get_fields(), **days}


class StatementRequest(StatementFilters, PageRequest):
    pass


class StatementEntryResponse(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    account = serializers.ChoiceField(choices=list(ACCOUNTS))
    kind = serializers.ChoiceField(choices=TransactionKind.choices)
    description = serializers.CharField()
    note_id = serializers.UUIDField(allow_null=True)
    note_title = serializers.CharField(allow_null=True)
    order_id = serializers.UUIDField(allow_null=True)
    payout_id = serializers.UUIDField(allow_null=True)
    amount_paise = serializers.IntegerField(help_text="Negative when it leaves the account.")
    balance_after_paise = serializers.IntegerField(help_text="Of that account.")


class StatementResponse(serializers.Serializer[Any]):
    items = StatementEntryResponse(many=True)
    next_cursor = serializers.CharField(allow_null=True)
