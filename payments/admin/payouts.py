"""The payout desk in Django admin: decisions, the bank's files, and the bank's answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from notevault.kit import clock, money
from notevault.kit.errors import DomainError
from ops.admin import HistoryInline, ReadOnlyAdmin, staff_id
from payments import payouts
from payments.ledger.balances import balance_paise
from payments.models import Payout, PayoutBatch, PayoutMove
from payments.payouts.bank_files import MAX_BYTES
from payments.states import AccountKind

log = structlog.get_logger("notevault.payouts")


class Destination(admin.SimpleListFilter):
    title = "destination"
    parameter_name = "to"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("upi", "UPI id"), ("bank", "Bank account")]

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "upi":
            return rows.exclude(upi_id="")
        return rows.filter(upi_id="") if self.value() == "bank" else rows


class AnswerForm(forms.Form):
    """The bank's answer: a file to look at first, or what was looked at, to be applied."""

    file = forms.FileField(
        required=False, widget=UnfoldAdminFileFieldWidget, label="The bank's answer (CSV)"
    )
    content = forms.CharField(
        required=False, strip=False, widget=forms.HiddenInput, max_length=MAX_BYTES
    )

    def clean(self) -> dict[str, Any]:
        """Leaves the lines in `answers`, and their text in `text` to be sent once more."""
        given = super().clean() or {}
        uploaded, content = given.get("file"), given.get("content") or ""
        if uploaded is None and not content:
            raise forms.ValidationError("Choose a file.")
        # One byte more than is allowed tells that it is too large.
        raw = uploaded.read(MAX_BYTES + 1) if uploaded else content.encode()
        try:
            answers = payouts.read_answers(raw)
        except payouts.AnswerFileRefused as refusal:
            raise forms.ValidationError(refusal.detail) from refusal
        return {"answers": answers, "text": raw.decode("utf-8-sig")}


class ManagedAdmin(ReadOnlyAdmin):
    def has_manage_permission(self, request: HttpRequest, *_: Any) -> bool:
        return request.user.has_perm("payments.manage_payout")


class PayoutHistory(HistoryInline):
    model = PayoutMove


@admin.register(Payout)
class PayoutAdmin(ManagedAdmin):
    list_display = ("reference", "state", "amount", "seller", "to", "utr", "created_at", "batch")
    list_filter = ("state", Destination, "created_at")
    list_select_related = ("seller", "batch")
    search_fields = ("id", "code", "seller__email", "utr", "upi_id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (PayoutHistory,)
    actions = ("approve", "reject", "export", "mark_failed", "retry", "mark_returned")
    actions_list = ("import_answers",)
    fields = (
        "reference",
        "state",
        "amount",
        "seller",
        "available",
        "to",
        "account_number",
        "batch",
        "utr",
        "refused_why",
        "created_at",
        "decided_at",
        "exported_at",
        "paid_at",
    )
    readonly_fields = fields

    def get_fields(self, request: HttpRequest, obj: Payout | None = None) -> Any:
        """Only who pays it reads the whole account number."""
        hidden = () if self.has_manage_permission(request) else ("account_number",)
        return [name for name in super().get_fields(request, obj) if name not in hidden]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """A reference ends in the number of its attempt, which no column holds."""
        term = search_term.strip()
        if term.upper().startswith("NV"):
            term = term[: Payout._meta.get_field("code").max_length]
        found: tuple[QuerySet[Any], bool] = super().get_search_results(request, queryset, term)
        return found

    @admin.display(description="Amount", ordering="amount_paise")
    def amount(self, payout: Payout) -> str:
        return money.format_inr(payout.amount_paise)

    @admin.display(description="To")
    def to(self, payout: Payout) -> str:
        if payout.upi_id:
            return payout.upi_id
        number = payouts.masked(payout.account_number)
        return f"{payout.holder_name}, {number}, {payout.ifsc}"

    @admin.display(description="Seller's available balance")
    def available(self, payout: Payout) -> str:
        kind = AccountKind.SELLER_AVAILABLE
        return money.format_inr(balance_paise(kind=kind, owner_id=payout.seller_id))

    @admin.action(description="Approve", permissions=["manage"])
    def approve(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._each(request, rows, payouts.approve_payout, "approved")

    @admin.action(description="Send again what has failed", permissions=["manage"])
    def retry(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._each(request, rows, payouts.retry_payout, "to be sent again")

    @admin.action(description="Reject…", permissions=["manage"])
    def reject(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        told = "The money returns to the sellers' balances. They are told the reason."
        return self._each_with_reason(
            request, rows, payouts.reject_payout, "rejected", title="Reject", explanation=told
        )

    @admin.action(description="Mark as failed…", permissions=["manage"])
    def mark_failed(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        told = "The bank did not make them. The money stays set aside: send again, or reject."
        return self._each_with_reason(
            request,
            rows,
            payouts.fail_payout,
            "marked as failed",
            title="Mark as failed",
            explanation=told,
        )

    @admin.action(description="The bank returned it…", permissions=["manage"])
    def mark_returned(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        told = "Look it up in our account first. The money returns to the sellers' balances."
        return self._each_with_reason(
            request,
            rows,
            payouts.return_payout,
            "returned by the bank",
            title="Returned by the bank",
            explanation=f"{told} They are told the reason.",
        )

    def _each(
        self, request: HttpRequest, rows: QuerySet[Any], act: Callable[..., object], done: str
    ) -> None:
        by, now = staff_id(request), clock.now()
        self.for_each(request, rows, lambda row: act(payout_id=row.pk, actor_id=by, now=now), done)

    def _each_with_reason(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        act: Callable[..., object],
        done: str,
        *,
        title: str,
        explanation: str,
    ) -> HttpResponse | None:
        why = self.ask_why(request, rows, title=title, explanation=explanation)
        if isinstance(why, HttpResponse):
            return why

        def act_for_a_reason(*, payout_id: UUID, actor_id: UUID, now: datetime) -> object:
            return act(payout_id=payout_id, why=why, actor_id=actor_id, now=now)

        self._each(request, rows, act_for_a_reason, done)
        return None

    @admin.action(description="Export as CSV", permissions=["manage"])
    def export(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        chosen = list(rows.values_list("pk", flat=True))
        try:
            batch = payouts.make_batch(
                payout_ids=chosen, actor_id=staff_id(request), now=clock.now()
            )
        except DomainError as refusal:
            self.message_user(request, refusal.detail, messages.ERROR)
            return None
        if left := len(chosen) - batch.count:
            sentence = (
                f"{batch.count} exported; {left} others are your own or not approved and were left."
            )
            self.message_user(request, sentence, messages.WARNING)
        return download(batch)

    # The theme's decorators carry no types.
    @action(  # type: ignore[untyped-decorator]
        description="Import the bank's answer",
        url_path="import-answers",
        permissions=["manage"],
    )
    def import_answers(self, request: HttpRequest) -> HttpResponse:
        """Shows what each line of the file would do; sent once more, it is done."""
        sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = AnswerForm(*sent)
        page: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Import the bank's answer",
            "form": form,
            "list_url": reverse("admin:payments_payout_changelist"),
        }
        if form.is_valid():
            answers, is_final = form.cleaned_data["answers"], "apply" in request.POST
            verdicts = (
                payouts.apply_answers(answers, actor_id=staff_id(request), now=clock.now())
                if is_final
                else payouts.preview_answers(answers, actor_id=staff_id(request))
            )
            again = AnswerForm(initial={"content": form.cleaned_data["text"]})
            page |= {"verdicts": verdicts, "is_final": is_final, "again": again["content"]}
        return render(request, "admin/payments/payout/import_answers.html", page)


@admin.register(PayoutBatch)
class PayoutBatchAdmin(ManagedAdmin):
    list_display = ("file_name", "format", "count", "total", "made_by", "made_at")
    list_filter = ("format", "made_at")
    list_select_related = ("made_by",)
    search_fields = ("id", "payouts__code", "payouts__utr")
    ordering = ("-made_at",)
    fields = list_display
    readonly_fields = fields
    actions_detail = ("download_again",)

    @admin.display(description="Sum", ordering="sum_paise")
    def total(self, batch: PayoutBatch) -> str:
        return money.format_inr(batch.sum_paise)

    @action(  # type: ignore[untyped-decorator]
        description="Download the file", url_path="file", permissions=["manage"]
    )
    def download_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        batch = get_object_or_404(PayoutBatch, pk=self._id(object_id))
        log.info("payout_batch.downloaded", batch_id=str(batch.pk), by=str(staff_id(request)))
        return download(batch)

    def _id(self, object_id: str) -> UUID | None:
        try:
            return UUID(object_id)
        except ValueError:
            return None


def download(batch: PayoutBatch) -> HttpResponse:
    """The file as it was made, byte for byte."""
    return HttpResponse(
        batch.content,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{batch.file_name}"'},
    )
