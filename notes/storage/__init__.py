"""Where the PDFs of notes live: one port, two adapters."""

from typing import cast

from django.core.files.storage import storages

from notes.storage.port import NoteStorage


def note_storage() -> NoteStorage:
    """The store that settings chose (`STORAGES["notes"]`)."""
    return cast(NoteStorage, storages["notes"])
