"""Refunds in Django admin: the requests that wait for staff, and staff's own for a buyer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.timesince import timesince
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
)

from notes.models import NoteAccess
from notevault.kit import clock, money
from notevault.kit.errors import DomainError
from notevault.kit.ids import uuid7
from ops.admin import (
    HistoryInline,
    ReadOnlyAdmin,
    ReadOnlyRows,
    ReasonForm,
    shown_once,
    staff_id,
)
from payments import refund_requests, reversals
from payments.admin.rupees import AMOUNT, RupeesField
from payments.models import (
    Order,
    OrderItem,
    Refund,
    RefundRequest,
    RefundRequestLine,
    RequestMove,
)
from payments.refund_requests.quoting import Quote
from payments.states import Reason

MAY_DECIDE = "payments.decide_refund"


class RequestRows(ReadOnlyRows):
    model = RefundRequest
    fields = ("state", AMOUNT, "reason", "asked_by", "created_at")
    readonly_fields = fields
    show_change_link = True


class RequestLines(ReadOnlyRows):
    model = RefundRequestLine
    hide_title = True
    fields = ("item", AMOUNT)
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("item")


class RequestRefunds(ReadOnlyRows):
    model = Refund
    fields = ("state", AMOUNT, "gateway_refund_id", "created_at", "processed_at")
    readonly_fields = fields
    show_change_link = True


class RequestHistory(HistoryInline):
    model = RequestMove


class RefundForm(forms.Form):
    """What staff give back of an order: an amount in rupees for each line."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    shown = forms.CharField(required=False, widget=forms.HiddenInput)
    reason = forms.ChoiceField(choices=Reason.choices, widget=UnfoldAdminSelectWidget)
    comment = forms.CharField(
        max_length=500,
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="For staff; the buyer does not see it.",
    )

    def __init__(self, data: Any, *, items: list[OrderItem]) -> None:
        super().__init__(data, initial={"request_id": uuid7()})
        self.items = items
        for item in items:
            left = reversals.left_paise(item)
            self.fields[str(item.pk)] = RupeesField(
                label=f"{item.title} (₹, at most {money.plain_rupees(left)})",
                initial=left,
                required=False,
                max_value=Decimal(left) / 100,
            )

    @property
    def wanted(self) -> dict[UUID, int]:
        amounts = {item.pk: self.cleaned_data.get(str(item.pk)) for item in self.items}
        return {pk: paise for pk, paise in amounts.items() if paise}

    @property
    def figures(self) -> str:
        """By which what is confirmed is known for what was shown."""
        return ",".join(f"{pk}={paise}" for pk, paise in sorted(self.wanted.items()))


class RefundsOrders:
    """For the orders' page: a button by which staff give money back."""

    actions_detail = ("refund",)

    def has_refund_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_DECIDE)

    # The theme's decorators carry no types.
    @action(description="Refund…", url_path="refund", permissions=["refund"])  # type: ignore[untyped-decorator]
    def refund(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Choose amounts, look at the arithmetic, then confirm exactly that."""
        order = _found(self, request, object_id)
        lines = order.items.filter(release_at__isnull=False).order_by("pk")
        items = [item for item in lines if reversals.left_paise(item)]
        form = RefundForm(request.POST or None, items=items)
        quote = None
        if form.is_valid() and form.wanted:
            quote = refund_requests.quote_for_staff(
                order_id=order.pk, wanted=form.wanted, now=clock.now()
            )
            if "confirmed" in request.POST and form.cleaned_data["shown"] == form.figures:
                answer = _ask(self, request, order, form)
                if answer is not None:
                    return answer
        return _page(
            self,
            request,
            "admin/payments/refund.html",
            title=f"Refund of {order}",
            form=form,
            quote=quote,
            figures=form.figures if quote else "",
        )


def _ask(page: Any, request: HttpRequest, order: Order, form: RefundForm) -> HttpResponse | None:
    try:
        asked = refund_requests.ask_for_buyer(
            order_id=order.pk,
            staff_id=staff_id(request),
            wanted=form.wanted,
            reason=Reason(form.cleaned_data["reason"]),
            comment=form.cleaned_data["comment"],
            request_id=form.cleaned_data["request_id"],
            now=clock.now(),
        )
    except DomainError as refusal:
        page.message_user(request, refusal.detail, messages.ERROR)
        return None
    page.message_user(request, f"The refund is {asked.state}.", messages.SUCCESS)
    return HttpResponseRedirect(_change_url(asked))


@admin.register(RefundRequest)
class RefundRequestAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "buyer", "amount", "state", "decider", "reason", "age", "sale")
    list_filter = ("state", "decider", "reason")
    list_select_related = ("buyer",)
    search_fields = ("id", "buyer__email", "order__id")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    inlines = (RequestLines, RequestRefunds, RequestHistory)
    actions = ("approve", "reject", "retry")
    actions_detail = ("decide",)
    fields = (
        "state",
        "amount",
        "decider",
        "reason",
        "comment",
        "findings",
        "downloads",
        "buyer",
        "asked_by",
        "sale",
        "decided_why",
        "created_at",
        "decided_at",
    )
    readonly_fields = fields

    @admin.display(description="Amount", ordering="amount_paise")
    def amount(self, row: RefundRequest) -> str:
        return money.format_inr(row.amount_paise)

    @admin.display(description="Age", ordering="created_at")
    def age(self, row: RefundRequest) -> str:
        return timesince(row.created_at, clock.now(), depth=1)

    @admin.display(description="Order")
    def sale(self, row: RefundRequest) -> str:
        url = reverse("admin:payments_order_change", args=[row.order_id])
        return format_html('<a href="{}">{}</a>', url, row.order_id)

    @admin.display(description="Downloads")
    @shown_once
    def downloads(self, row: RefundRequest) -> str:
        accesses = NoteAccess.objects.filter(reference__in=row.lines.values("item_id"))
        rows = accesses.order_by("pk").values_list(
            "note__title", "downloads", "first_downloaded_at", "suspended_at"
        )
        return format_html_join(
            "",
            "<p>{}: {} downloads, the first: {}; suspended: {}</p>",
            [(title, count, _time(first), _time(since)) for title, count, first, since in rows],
        )

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return request.user.has_perm(MAY_DECIDE)

    @admin.action(description="Approve", permissions=["decide"])
    def approve(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.for_each(request, rows, _approve_by(request), "approved or endorsed")

    @admin.action(description="Reject…", permissions=["decide"])
    def reject(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        why = self.ask_why(
            request, rows, title="Reject", explanation="The buyer is told this reason."
        )
        if isinstance(why, HttpResponse):
            return why
        self.for_each(request, rows, _reject_by(request, why), "rejected")
        return None

    @admin.action(description="Retry what failed", permissions=["decide"])
    def retry(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self.for_each(request, rows, _retry_by(request), "on the way again")

    @action(description="Decide…", url_path="decide", permissions=["decide"])  # type: ignore[untyped-decorator]
    def decide(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The arithmetic, and the buttons; they post back to this page."""
        row = _found(self, request, object_id)
        form = ReasonForm(request.POST if request.POST.get("choice") == "reject" else None)
        act, done = self._chosen(request, form)
        if act is not None:
            self.for_each(request, RefundRequest.objects.filter(pk=row.pk), act, done)
            return HttpResponseRedirect(_change_url(row))
        return _page(
            self,
            request,
            "admin/payments/decide.html",
            title=f"Decide {row}",
            form=form,
            quote=refund_requests.quote_request(request=row, now=clock.now()),
            row=row,
        )

    def _chosen(
        self, request: HttpRequest, form: ReasonForm
    ) -> tuple[Callable[[RefundRequest], object] | None, str]:
        choice = request.POST.get("choice")
        if choice == "approve":
            return _approve_by(request), "approved or endorsed"
        if choice == "retry":
            return _retry_by(request), "on the way again"
        if choice == "reject" and form.is_valid():
            return _reject_by(request, form.cleaned_data["why"]), "rejected"
        return None, ""


def _approve_by(request: HttpRequest) -> Callable[[RefundRequest], object]:
    return lambda row: refund_requests.approve_request(
        request_id=row.pk, staff_id=staff_id(request), now=clock.now()
    )


def _retry_by(request: HttpRequest) -> Callable[[RefundRequest], object]:
    return lambda row: refund_requests.retry_request(
        request_id=row.pk, staff_id=staff_id(request), now=clock.now()
    )


def _reject_by(request: HttpRequest, why: str) -> Callable[[RefundRequest], object]:
    return lambda row: refund_requests.reject_request(
        request_id=row.pk, staff_id=staff_id(request), why=why, now=clock.now()
    )


def _time(moment: datetime | None) -> str:
    return clock.indian_time(moment) if moment else "–"


def _found(page: Any, request: HttpRequest, object_id: str) -> Any:
    row = page.get_object(request, object_id)
    if row is None:
        raise Http404
    return row


def _change_url(row: RefundRequest) -> str:
    return reverse("admin:payments_refundrequest_change", args=[row.pk])


def _page(
    page: Any,
    request: HttpRequest,
    template: str,
    *,
    quote: Quote | None,
    **values: Any,
) -> HttpResponse:
    context = {**page.admin_site.each_context(request), **values, "table": _table(quote)}
    return render(request, template, context)


def _table(quote: Quote | None) -> list[list[str]]:
    """A row for each line and one for all: title, to the buyer, from the seller, from the
    commission, from the tax, and what is in the way."""
    if quote is None:
        return []
    rows = [
        [line.item.title, *_inr([line.amount_paise, *line.parts]), _way(line.refusal)]
        for line in quote.lines
    ]
    decider = quote.decider.label if quote.decider else ""
    return [*rows, ["Together", *_inr([quote.amount_paise, *quote.parts]), decider]]


def _way(refusal: DomainError | None) -> str:
    return refusal.detail if refusal else ""


def _inr(amounts: list[int]) -> list[str]:
    return [money.format_inr(amount) for amount in amounts]
