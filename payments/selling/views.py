"""The seller's dashboard and ledger."""

from __future__ import annotations

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.accounts.authentication import IsSeller
from notevault.kit import clock
from notevault.kit.pagination import paginate
from notevault.kit.spreadsheets import csv_download
from notevault.kit.views import APIView
from payments.selling import examples, serializers, statement
from payments.selling.dashboard import dashboard


class DashboardView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="seller_dashboard",
        tags=["selling"],
        summary="One's balances and sales",
        parameters=[serializers.DashboardRequest],
        responses={200: serializers.DashboardResponse},
        examples=[examples.DASHBOARD],
    )
    def get(self, request: Request) -> Response:
        days = self.query(serializers.DashboardRequest)["days"]
        return Response(dashboard(seller_id=self.user_id, days=days, now=clock.now()))


class StatementView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="seller_ledger",
        tags=["selling"],
        summary="Every entry of one's accounts, newest first",
        description="Money that moves between two of the accounts makes an entry in each.",
        parameters=[serializers.StatementRequest],
        responses={200: serializers.StatementResponse},
        examples=[examples.STATEMENT],
    )
    def get(self, request: Request) -> Response:
        query = self.query(serializers.StatementRequest)
        cursor, limit = query.pop("cursor", None), query.pop("limit")
        page = paginate(
            statement.list_entries(self.user_id, **query),
            sort=statement.NEWEST,
            filters={**query, "seller": self.user_id},
            cursor=cursor,
            limit=limit,
        )
        entries = [statement.shape(row) for row in page.items]
        return Response({"items": entries, "next_cursor": page.next_cursor})


class StatementFileView(APIView):
    permission_classes = (IsSeller,)

    @extend_schema(
        operation_id="seller_ledger_file",
        tags=["selling"],
        summary="The same as a CSV file",
        description=(
            "All entries, newest first, with Indian times. UTF-8 with a byte order mark, as "
            "spreadsheets expect; a text that one would run as a formula has an apostrophe "
            "before it. It is streamed, however long it is."
        ),
        parameters=[serializers.StatementFilters],
        responses={(200, "text/csv"): OpenApiTypes.STR},
        examples=[examples.STATEMENT_CSV],
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        filters = self.query(serializers.StatementFilters)
        today = clock.indian_day(clock.now())
        return csv_download(
            f"notevault-ledger-{today}.csv",
            header=statement.CSV_HEADER,
            batches=statement.csv_batches(statement.list_entries(self.user_id, **filters)),
        )
