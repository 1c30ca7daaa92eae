"""A seller's payouts."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.accounts.authentication import IsSeller
from notevault.kit import clock
from notevault.kit.pagination import PageRequest, paginate
from notevault.kit.views import APIView
from payments import payouts
from payments.examples import payouts as examples
from payments.idempotency import idempotent
from payments.ledger.balances import balances_of
from payments.serializers import payouts as serializers
from payments.states import AccountKind


class PayoutListView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="list_payouts",
        tags=["selling"],
        summary="One's balance and payouts, newest first",
        parameters=[PageRequest],
        responses={200: serializers.PayoutListResponse},
        examples=[examples.PAYOUTS],
    )
    def get(self, request: Request) -> Response:
        query = self.query(PageRequest)
        page = paginate(
            payouts.list_payouts(self.user_id),
            sort=payouts.NEWEST,
            filters={"seller": self.user_id},
            cursor=query.get("cursor"),
            limit=query["limit"],
        )
        balances = balances_of(self.user_id)
        return Response(
            {
                "available_paise": balances.get(AccountKind.SELLER_AVAILABLE, 0),
                "in_transit_paise": balances.get(AccountKind.PAYOUTS_IN_TRANSIT, 0),
                "items": [payouts.shown(row) for row in page.items],
                "next_cursor": page.next_cursor,
            }
        )

    @extend_schema(
        operation_id="request_payout",
        tags=["selling"],
        summary="Take money out of one's available balance",
        description=(
            "To a UPI id or to a bank account, from ₹100 on. The amount leaves the available "
            "balance at once, and comes back to it if the payout is rejected."
        ),
        request=serializers.PayoutRequest,
        responses={201: serializers.PayoutResponse},
        examples=[examples.TO_UPI, examples.TO_BANK, examples.REQUESTED],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        data = self.body(serializers.PayoutRequest)
        to = data["bank_account"] if "bank_account" in data else {"upi_id": data["upi_id"]}
        payout = payouts.request_payout(
            seller_id=self.user_id,
            amount_paise=data["amount_paise"],
            destination=payouts.Destination(**to),
            now=clock.now(),
        )
        row = payouts.get_payout(payout_id=payout.pk, seller_id=self.user_id)
        return Response(row, status=201)


class PayoutDetailView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="get_payout",
        tags=["selling"],
        summary="One of one's payouts",
        responses={200: serializers.PayoutResponse},
        examples=[examples.PAID],
    )
    def get(self, request: Request, payout_id: UUID) -> Response:
        return Response(payouts.get_payout(payout_id=payout_id, seller_id=self.user_id))
