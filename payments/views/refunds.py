"""Refunds as buyers ask for them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.kit import clock, money
from notevault.kit.pagination import PageRequest, paginate
from notevault.kit.views import APIView
from payments import refund_requests
from payments.examples import refunds as examples
from payments.idempotency import idempotent
from payments.refund_requests import reading
from payments.refund_requests.quoting import Quote
from payments.serializers import refunds as serializers


def _wanted(items: list[dict[str, Any]]) -> dict[UUID, int | None]:
    return {wish["note_id"]: wish.get("amount_paise") for wish in items}


class RefundPreviewView(APIView):
    @extend_schema(
        operation_id="preview_refund",
        tags=["after"],
        summary="What of an order can be given back",
        description="Moves nothing. Each line says how much, who would decide, or why not.",
        request=serializers.RefundPreviewRequest,
        responses={200: serializers.RefundPreviewResponse},
        examples=[examples.PREVIEW_ASK, examples.PREVIEW_PART, examples.PREVIEW],
    )
    def post(self, request: Request) -> Response:
        data = self.body(serializers.RefundPreviewRequest)
        quote = refund_requests.quote_for_buyer(
            order_id=data["order_id"],
            buyer_id=self.user_id,
            wanted=_wanted(data["items"]) if "items" in data else None,
            now=clock.now(),
        )
        return Response(_shown(quote))


def _shown(quote: Quote) -> dict[str, Any]:
    lines = [
        {
            "note_id": line.item.note_id,
            "title": line.item.title,
            "paid_paise": line.item.paid_paise,
            "left_paise": line.left_paise,
            "amount_paise": line.amount_paise,
            "is_whole": line.is_whole,
            "decider": decider,
            "refusal": line.refusal and {"code": line.refusal.code, "detail": line.refusal.detail},
        }
        for line, decider in zip(quote.lines, quote.deciders, strict=True)
    ]
    return {
        "order_id": quote.sale.order.pk,
        "amount_paise": quote.amount_paise,
        "currency": money.CURRENCY,
        "decider": quote.decider,
        "ask_by": quote.sale.ask_by,
        "items": lines,
    }


class RefundListView(APIView):
    @extend_schema(
        operation_id="list_refunds",
        tags=["after"],
        summary="One's refund requests, newest first",
        parameters=[PageRequest],
        responses={200: serializers.RefundRequestListResponse},
        examples=[examples.REQUEST_LIST],
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageRequest)
        page = paginate(
            reading.list_requests(self.user_id),
            sort=reading.NEWEST,
            filters={"buyer": self.user_id},
            cursor=query.get("cursor"),
            limit=query["limit"],
        )
        items = reading.complete(page.items, buyer_id=self.user_id)
        return Response({"items": items, "next_cursor": page.next_cursor})

    @extend_schema(
        operation_id="ask_refund",
        tags=["after"],
        summary="Ask for a refund",
        description=(
            "Within 7 days of the purchase, once for each note. Approved at once within 24 "
            "hours if nothing was downloaded; a file that is said to be broken is checked; "
            "staff decide the rest."
        ),
        request=serializers.RefundAskRequest,
        responses={201: serializers.RefundRequestResponse},
        examples=[examples.ASK, examples.ASKED],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.body(serializers.RefundAskRequest)
        asked = refund_requests.ask(
            order_id=data["order_id"],
            buyer_id=self.user_id,
            wanted=_wanted(data["items"]),
            reason=data["reason"],
            comment=data["comment"],
            now=clock.now(),
        )
        row = reading.get_request(request_id=asked.pk, buyer_id=self.user_id)
        return Response(row, status=201)


class RefundDetailView(APIView):
    @extend_schema(
        operation_id="get_refund",
        tags=["after"],
        summary="One refund request, and what comes next",
        responses={200: serializers.RefundRequestResponse},
        examples=[examples.REQUEST],
    )
    def get(self, request: Request, request_id: UUID) -> Response:
        return Response(reading.get_request(request_id=request_id, buyer_id=self.user_id))
