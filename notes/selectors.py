"""Reads of the catalogue: each list is one query, whatever the number of rows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from notes.models import Category, Note, NoteAccess
from notevault.db.prepared import statement
from notevault.kit.errors import DomainError
from notevault.kit.pagination import Sort

Row = dict[str, Any]
# A queryset of rows; mypy cannot follow `.values()` with names that are computed.
Rows = QuerySet[Any, Any]

SORTS = {
    "newest": Sort("published_at"),
    "popular": Sort("sales_count"),
    "price_low": Sort("price_paise", descending=False),
    "price_high": Sort("price_paise"),
}
NEWEST_OF_SELLER = Sort("created_at")
NEWEST_IN_LIBRARY = Sort("granted_at")

_PUBLIC = (
    "id",
    "title",
    "description",
    "university",
    "course",
    "semester",
    "language",
    "price_paise",
    "page_count",
    "sales_count",
    "published_at",
)


_COLUMNS = {
    "category": "category__slug",
    "seller": "seller_id",
    "university": "university__iexact",
    "language": "language",
    "semester": "semester",
}


class NoteNotFound(DomainError):
    code = "not_found"
    message = "There is no such note."


def list_published(**filters: Any) -> Rows:
    """Published notes as rows; `filters` are those of `published`."""
    return rows_of(published(**filters))


def published(
    *, min_price: int | None = None, max_price: int | None = None, **exact: Any
) -> QuerySet[Note]:
    """Notes on sale. `exact` is any of category, seller, university, language, semester;
    prices are in paise and inclusive."""
    notes = Note.objects.published().filter(**{_COLUMNS[name]: exact[name] for name in exact})
    if min_price is not None:
        notes = notes.filter(price_paise__gte=min_price)
    if max_price is not None:
        notes = notes.filter(price_paise__lte=max_price)
    return notes


def get_published(note_id: UUID) -> Row:
    """A note anyone may look at. Raises NoteNotFound."""
    found = statement(_published_note, ("note_id",)).rows(note_id=note_id)
    if not found:
        raise NoteNotFound
    return shape(found[0])


def _published_note(note_id: Any) -> Rows:
    return list_published().filter(pk=note_id)


def list_of_seller(seller_id: UUID, *, state: str | None = None) -> Rows:
    notes = Note.objects.of_seller(seller_id)
    if state:
        notes = notes.filter(state=state)
    return rows_of(notes, "state", "created_at", "rejected_why")


def get_of_seller(*, note_id: UUID, seller_id: UUID) -> Row:
    """The seller's own note, in any state. Raises NoteNotFound for others'."""
    row: Row | None = list_of_seller(seller_id).filter(pk=note_id).first()
    if row is None:
        raise NoteNotFound
    return shape(row)


def rows_of(notes: QuerySet[Note], *more: str) -> Rows:
    """What the API shows of each note, before `shape`."""
    rows: Rows = notes.values(*_PUBLIC, *more, "category__slug", seller_name=F("seller__name"))
    return rows


def shape(row: Row) -> Row:
    """A row under the names of the API: a queryset cannot call a column `category`."""
    row["category"] = row.pop("category__slug")
    return row


def list_library(buyer_id: UUID) -> Rows:
    """What the buyer may read now."""
    return NoteAccess.objects.filter(buyer_id=buyer_id, revoked_at=None).values(
        "id",
        "note_id",
        "granted_at",
        "downloads",
        title=F("note__title"),
        page_count=F("note__published_file__page_count"),
        seller_name=F("note__seller__name"),
    )


def owned_notes(*, buyer_id: UUID, note_ids: list[UUID]) -> set[UUID]:
    live = NoteAccess.objects.filter(buyer_id=buyer_id, note_id__in=note_ids, revoked_at=None)
    return set(live.values_list("note_id", flat=True))


def list_categories() -> Rows:
    return Category.objects.order_by("name").values("slug", "name")
