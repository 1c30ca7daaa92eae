"""Notes for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notes.models import Category, Note, NoteFile
from notes.states import NoteState
from notevault.accounts.models import User

PUBLISHED_AT = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


def make_category(slug: str = "computer-science") -> Category:
    name = slug.replace("-", " ").title()
    return Category.objects.get_or_create(slug=slug, defaults={"name": name})[0]


def make_note(*, seller: User, pages: int = 12, **fields: Any) -> Note:
    """A published note with a file row; `state`, `price_paise` and the rest may be given."""
    state = fields.pop("state", NoteState.PUBLISHED)
    values = {
        "category": fields.pop("category", None) or make_category(),
        "title": "Operating Systems: scheduling",
        "description": "Unit 2 with solved questions.",
        "price_paise": 9900,
        "created_at": PUBLISHED_AT,
        "published_at": PUBLISHED_AT if state == NoteState.PUBLISHED else None,
        **fields,
    }
    note = Note.objects.create(seller=seller, state=NoteState.DRAFT, **values)
    note.file = NoteFile.objects.create(
        note=note,
        storage_name=f"notes/{note.pk}/file.pdf",
        sha256="0" * 64,
        size_bytes=1000,
        page_count=pages,
        created_at=PUBLISHED_AT,
    )
    note.page_count, note.state = pages, state
    if state == NoteState.PUBLISHED:
        note.published_file = note.file
    note.save()
    return note
