"""What sellers and moderators do with a note."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.db.models import Q

from notes.models import Category, Note, NoteFile
from notes.pdf import inspect_pdf
from notes.selectors import NoteNotFound
from notes.states import EDITABLE, NoteState
from notes.storage import note_storage
from notevault.kit.errors import DomainError
from ops import jobs
from ops.transactions import use_case

PRICE_ONLY = {"price_paise"}


class NoteNotEditable(DomainError):
    code = "note_not_editable"


class NoteMoveRefused(DomainError):
    code = "note_move_refused"


class NoteHasNoFile(DomainError):
    code = "note_has_no_file"
    message = "Upload the PDF before you submit the note."


class UnknownCategory(DomainError):
    code = "not_found"
    message = "There is no such category. GET /api/v1/categories lists them."


@use_case
def create_note(*, seller_id: UUID, category: str, now: datetime, **fields: Any) -> Note:
    """A draft without a file. Raises UnknownCategory."""
    return Note.objects.create(
        seller_id=seller_id, category=_get_category(category), created_at=now, **fields
    )


@use_case
def edit_note(*, note_id: UUID, seller_id: UUID, changes: Mapping[str, Any]) -> Note:
    """Change a draft, a rejected or a withdrawn note; of a published one only the price.

    Raises NoteNotFound, NoteNotEditable, UnknownCategory.
    """
    note = _lock_own(note_id, seller_id)
    may_edit = note.state in EDITABLE or (
        note.state == NoteState.PUBLISHED and set(changes) <= PRICE_ONLY
    )
    if not may_edit:
        raise NoteNotEditable(f"A {note.state} note cannot be changed in this way.")
    for name, value in changes.items():
        setattr(note, name, _get_category(value) if name == "category" else value)
    note.save(update_fields=list(changes))
    return note


def upload_file(
    *, note_id: UUID, seller_id: UUID, path: Path, content: File[bytes], now: datetime
) -> Note:
    """Check a PDF, store it and make it the note's file.

    Three beats: a row that announces the file, the upload with no transaction open, the
    row attached. A crash in between leaves an unattached row that a job cleans up.
    Raises PdfRejected, NoteNotFound, NoteNotEditable, StorageUnavailable.
    """
    _require_editable(_find_own(note_id, seller_id))
    facts = inspect_pdf(path)
    announced = _announce_file(
        note_id=note_id,
        sha256=_sha256(path),
        size_bytes=path.stat().st_size,
        page_count=facts.pages,
        now=now,
    )
    note_storage().save(announced.storage_name, content)
    return _attach_file(note_id=note_id, seller_id=seller_id, file_id=announced.pk)


@use_case
def _announce_file(*, note_id: UUID, now: datetime, **facts: Any) -> NoteFile:
    file = NoteFile(note_id=note_id, created_at=now, **facts)
    file.storage_name = f"notes/{note_id}/{file.pk}.pdf"
    file.save(force_insert=True)
    _remove_later(file.pk)
    return file


@use_case
def _attach_file(*, note_id: UUID, seller_id: UUID, file_id: UUID) -> Note:
    note = _lock_own(note_id, seller_id)
    _require_editable(note)
    file = NoteFile.objects.get(pk=file_id)
    replaced, note.file, note.page_count = note.file_id, file, file.page_count
    note.save(update_fields=["file", "page_count"])
    _remove_later(replaced)
    return note


def _remove_later(file_id: UUID | None) -> None:
    """Should nothing point at the file by then."""
    if file_id:
        jobs.defer("notes.tasks.remove_unused_file", delay=jobs.LATER, file_id=str(file_id))


def remove_unused_file(*, file_id: UUID, now: datetime) -> None:
    """Delete a stored file that no note points at. Safe to repeat."""
    file = NoteFile.objects.get(pk=file_id)
    in_use = Note.objects.filter(Q(file_id=file_id) | Q(published_file_id=file_id))
    if file.removed_at or in_use.exists():
        return
    note_storage().delete(file.storage_name)
    NoteFile.objects.filter(pk=file_id).update(removed_at=now)


@use_case
def submit_note(*, note_id: UUID, seller_id: UUID, now: datetime) -> Note:
    """Hand the note to the moderators. Raises NoteHasNoFile, NoteMoveRefused."""
    note = _lock_own(note_id, seller_id)
    if note.file_id is None:
        raise NoteHasNoFile
    _move(note, NoteState.SUBMITTED, why="submitted by its seller", actor_id=seller_id, now=now)
    return note


@use_case
def withdraw_note(*, note_id: UUID, seller_id: UUID, now: datetime) -> Note:
    """Take the note off sale; who bought it keeps it. Raises NoteMoveRefused."""
    note = _lock_own(note_id, seller_id)
    _move(note, NoteState.WITHDRAWN, why="withdrawn by its seller", actor_id=seller_id, now=now)
    return note


@use_case
def publish_note(*, note_id: UUID, moderator_id: UUID, now: datetime) -> Note:
    """Put a submitted note on sale; buyers of an earlier version get this one from now on.

    Raises NoteMoveRefused, NoteHasNoFile.
    """
    note = _lock(note_id)
    if note.file_id is None:
        raise NoteHasNoFile
    replaced = note.published_file_id
    _move(
        note,
        NoteState.PUBLISHED,
        why="approved",
        actor_id=moderator_id,
        now=now,
        published_at=now,
        published_file_id=note.file_id,
        rejected_why="",
    )
    _remove_later(replaced)
    return note


@use_case
def reject_note(*, note_id: UUID, moderator_id: UUID, why: str, now: datetime) -> Note:
    """Send a submitted note back to its seller with the reason. Raises NoteMoveRefused."""
    note = _lock(note_id)
    _move(note, NoteState.REJECTED, why=why, actor_id=moderator_id, now=now, rejected_why=why)
    return note


def _move(note: Note, to: NoteState, **details: Any) -> None:
    if not note.can_move(to):
        raise NoteMoveRefused(f"A {note.state} note cannot become {to}.")
    note.move(to, **details)


def _require_editable(note: Note) -> None:
    if note.state not in EDITABLE:
        raise NoteNotEditable(f"The file of a {note.state} note cannot be replaced.")


def _find_own(note_id: UUID, seller_id: UUID) -> Note:
    note = Note.objects.of_seller(seller_id).filter(pk=note_id).first()
    if note is None:
        raise NoteNotFound
    return note


def _lock_own(note_id: UUID, seller_id: UUID) -> Note:
    note = Note.objects.of_seller(seller_id).select_for_update().filter(pk=note_id).first()
    if note is None:
        raise NoteNotFound
    return note


def _lock(note_id: UUID) -> Note:
    note = Note.objects.select_for_update().filter(pk=note_id).first()
    if note is None:
        raise NoteNotFound
    return note


def _get_category(slug: str) -> Category:
    category = Category.objects.filter(slug=slug).first()
    if category is None:
        raise UnknownCategory
    return category


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
