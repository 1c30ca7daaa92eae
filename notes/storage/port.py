"""What a store of paid PDFs must do, on Django's storage API.

`notes/tests/test_storage.py` holds every adapter to the same contract.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from django.core.files.base import File

from notevault.kit.errors import DomainError


class StorageUnavailable(DomainError):
    code = "storage_unavailable"
    message = "The file store does not answer. Your access is safe; try again shortly."


class NoteStorage(Protocol):
    """Names are ours and never reused: `notes/<note id>/<file id>.pdf`.

    Every method raises StorageUnavailable when the store cannot be reached in time.
    """

    def save(self, name: str, content: File[bytes]) -> str:
        """Store the bytes under exactly this name. FileExistsError if it is taken."""

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        """The stored bytes. FileNotFoundError when there are none."""

    def exists(self, name: str) -> bool: ...

    def delete(self, name: str) -> None:
        """Remove the file; removing what is not there is no error."""

    def download_url(self, name: str, *, filename: str, expires_at: datetime) -> str:
        """A link that serves the file as `filename` to whoever holds it, until it expires.

        Made per request, after the access check; asks no network.
        """
