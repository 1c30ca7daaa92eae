"""Whether the file that buyers of a note get is still the one that was sold."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile
from uuid import UUID

from notes.models import Note, NoteFile
from notes.pdf import PdfReason, PdfRejected, inspect_pdf
from notes.storage import note_storage

# Not those that say that our own check had no time for it, or has become stricter.
UNREADABLE = {
    PdfReason.NOT_A_PDF,
    PdfReason.EMPTY,
    PdfReason.DAMAGED,
    PdfReason.ENCRYPTED,
    PdfReason.NO_PAGES,
}


def find_damage(note_id: UUID) -> str:
    """What is wrong with the stored file, in words; empty when it is whole.

    Raises StorageUnavailable. No transaction may be open.
    """
    file = Note.objects.select_related("published_file").get(pk=note_id).published_file
    if file is None:
        return "the note has no file"
    with NamedTemporaryFile(suffix=".pdf") as copy:
        try:
            with note_storage().open(file.storage_name) as stored:
                shutil.copyfileobj(stored, copy)
        except FileNotFoundError:
            return "the file is missing"
        copy.flush()
        return _damage(Path(copy.name), file)


def _damage(path: Path, file: NoteFile) -> str:
    with path.open("rb") as content:
        if hashlib.file_digest(content, "sha256").hexdigest() != file.sha256:
            return "the file is not the one that was uploaded"
    try:
        inspect_pdf(path)
    except PdfRejected as refusal:
        return f"the file is {refusal.reason}" if refusal.reason in UNREADABLE else ""
    return ""
