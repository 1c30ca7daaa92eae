"""Documents for their buyer, and the public page that says whether one is genuine."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from notevault.kit import clock
from notevault.kit.views import APIView
from payments.examples import invoices as examples
from payments.invoices import selectors
from payments.invoices.issuing import issue_invoice
from payments.invoices.page import facts_of
from payments.invoices.paper import pdf_response
from payments.models import Invoice
from payments.serializers import invoices as serializers

PDF = {(200, "application/pdf"): OpenApiTypes.BINARY}


class InvoiceView(APIView):
    throttle_scope = "document"

    @extend_schema(
        operation_id="get_invoice",
        tags=["buying"],
        summary="The invoice of a paid order, as a PDF",
        description="404 for an order that is not paid, was free, or could grant no note.",
        responses=PDF,
    )
    def get(self, request: Request, order_id: UUID) -> HttpResponse:
        invoice = selectors.find_invoice(order_id=order_id, buyer_id=self.user_id)
        # Paid a moment ago: the job has not come to it yet.
        invoice = invoice or issue_invoice(order_id=order_id, now=clock.now())
        if invoice is None:
            raise selectors.InvoiceNotFound
        return pdf_response(invoice)


class CreditNoteListView(APIView):
    @extend_schema(
        operation_id="list_credit_notes",
        tags=["after"],
        summary="What corrects the invoice of an order, the oldest first",
        responses={200: serializers.CreditNoteListResponse},
        examples=[examples.CREDIT_NOTES],
    )
    def get(self, request: Request, order_id: UUID) -> Response:
        notes = selectors.list_notes(order_id=order_id, buyer_id=self.user_id)
        return Response({"items": [_row(note) for note in notes.select_related("corrects")]})


def _row(note: Invoice) -> dict[str, Any]:
    path = reverse("payments:credit-note", args=[note.order_id, note.pk])
    return {
        "id": note.pk,
        "kind": note.kind,
        "number": note.number,
        "corrects": note.corrects.number if note.corrects else "",
        "issued_at": note.issued_at,
        "total_paise": note.total_paise,
        "url": f"{settings.PUBLIC_API_URL}{path}",
    }


class CreditNoteView(APIView):
    throttle_scope = "document"

    @extend_schema(
        operation_id="get_credit_note",
        tags=["after"],
        summary="A credit or debit note, as a PDF",
        responses=PDF,
    )
    def get(self, request: Request, order_id: UUID, note_id: UUID) -> HttpResponse:
        note = selectors.get_note(order_id=order_id, buyer_id=self.user_id, note_id=note_id)
        return pdf_response(note)


class VerificationView(APIView):
    """For whoever scans the code of a document. It tells nothing to whoever guesses."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_scope = "document"

    @extend_schema(exclude=True)
    def get(self, request: Request, invoice_id: UUID, signature: str) -> HttpResponse:
        invoice = selectors.find_genuine(invoice_id=invoice_id, signature=signature)
        page = {"document": facts_of(invoice) if invoice else None}
        response = render(request, "invoices/verification.html", page)
        response.status_code = 200 if invoice else 404
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex"
        return response
