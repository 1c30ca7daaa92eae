"""A buyer's requests as the API shows them: three queries beside their page."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from notevault.kit import money
from notevault.kit.clock import indian_day
from notevault.kit.errors import DomainError
from notevault.kit.pagination import Sort
from payments.models import Refund, RefundRequest, RefundRequestLine, RequestMove
from payments.states import Decider, RefundState, RequestState

Row = dict[str, Any]

NEWEST = Sort("created_at")
# How many working days a bank takes to show a processed refund.
BANK_TAKES = (5, 7)
_SATURDAY = 5

_REQUEST = (
    "id",
    "order_id",
    "state",
    "reason",
    "comment",
    "amount_paise",
    "decider",
    "decided_why",
    "created_at",
    "decided_at",
    "asked_by_id",
)
_NEXT = {
    RequestState.REQUESTED: "wait_for_decision",
    RequestState.ENDORSED: "wait_for_decision",
    RequestState.FAILED: "wait_for_decision",
    RequestState.APPROVED: "wait_for_gateway",
    RequestState.COMPLETED: "wait_for_bank",
    RequestState.REJECTED: None,
}


class RequestNotFound(DomainError):
    code = "not_found"
    message = "There is no such refund request."


def list_requests(buyer_id: UUID) -> QuerySet[Any, Any]:
    rows: QuerySet[Any, Any] = RefundRequest.objects.filter(buyer_id=buyer_id).values(*_REQUEST)
    return rows


def get_request(*, request_id: UUID, buyer_id: UUID) -> Row:
    """A request for the buyer's own money, complete. Raises RequestNotFound for others'."""
    row: Row | None = list_requests(buyer_id).filter(pk=request_id).first()
    if row is None:
        raise RequestNotFound
    return complete([row], buyer_id=buyer_id)[0]


def complete(rows: list[Row], *, buyer_id: UUID) -> list[Row]:
    """Add lines, history and what comes next. What staff write for staff is left out."""
    ids = [row["id"] for row in rows]
    lines = _lines(ids)
    moves = _grouped(
        RequestMove.objects.filter(row_id__in=ids)
        .order_by("at", "pk")
        .values("at", key=F("row_id"), state=F("new"))
    )
    processed = dict(
        Refund.objects.filter(request_id__in=ids, state=RefundState.PROCESSED)
        .order_by("processed_at")
        .values_list("request_id", "processed_at")
    )
    for row in rows:
        is_own = row.pop("asked_by_id") == buyer_id
        row["asked_by"] = "buyer" if is_own else "support"
        row["comment"] = row["comment"] if is_own else ""
        row["currency"] = money.CURRENCY
        row["items"] = lines.get(row["id"], [])
        asked = {"state": RequestState.REQUESTED, "at": row["created_at"]}
        row["history"] = [asked, *moves.get(row["id"], [])]
        row["next_step"] = next_step(row["state"], row["decider"])
        is_sent = row["state"] == RequestState.COMPLETED
        sent_at = processed.get(row["id"]) if is_sent else None
        row["processed_at"] = sent_at
        days = [_working_day(indian_day(sent_at), n) if sent_at else None for n in BANK_TAKES]
        row["arrives_from"], row["arrives_by"] = days
    return rows


def next_step(state: str, decider: str) -> str | None:
    """What the buyer waits for; None when the matter is over."""
    if state == RequestState.REQUESTED and decider == Decider.AUTOMATIC:
        return "wait_for_check"
    return _NEXT[RequestState(state)]


def _lines(request_ids: list[UUID]) -> dict[UUID, list[Row]]:
    lines = RefundRequestLine.objects.filter(request_id__in=request_ids).order_by("item_id")
    found = lines.values(
        "amount_paise",
        key=F("request_id"),
        note_id=F("item__note_id"),
        title=F("item__title"),
        paid_paise=F("item__paid_paise"),
    )
    return _grouped(found)


def _grouped(rows: QuerySet[Any, Any]) -> dict[UUID, list[Row]]:
    grouped: dict[UUID, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.pop("key"), []).append(row)
    return grouped


def _working_day(day: date, number: int) -> date:
    """That many working days later. Bank holidays are not known here."""
    while number:
        day += timedelta(days=1)
        number -= day.weekday() < _SATURDAY
    return day
