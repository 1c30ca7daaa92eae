"""Files below MEDIA_ROOT, served by our own view through a signed, expiring link."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from django.conf import settings
from django.core import signing
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.urls import reverse
from django.utils.deconstruct import deconstructible

from notevault.kit.errors import DomainError

SALT = "notes.download"


class LinkExpired(DomainError):
    code = "link_expired"
    message = "This download link has expired. Ask for a new one from your library."


@deconstructible(path="notes.storage.local.LocalNoteStorage")
class LocalNoteStorage(FileSystemStorage):
    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The same name, or FileExistsError. Django asks again after it lost a race for it."""
        if self.exists(name):
            raise FileExistsError(f"{name} is stored already")
        return name

    def download_url(self, name: str, *, filename: str, expires_at: datetime) -> str:
        token = signing.dumps([name, filename, int(expires_at.timestamp())], salt=SALT)
        return f"{settings.PUBLIC_API_URL}{reverse('files:download', args=[token])}"

    def open_link(self, token: str, *, now: datetime) -> tuple[File[bytes], str]:
        """The file behind a link and the name to serve it under. Raises LinkExpired."""
        try:
            name, filename, expires = signing.loads(token, salt=SALT)
        except signing.BadSignature as error:
            raise LinkExpired from error
        if now.timestamp() >= expires:
            raise LinkExpired
        try:
            return self.open(name), filename
        except FileNotFoundError as error:
            raise LinkExpired("This file was replaced. Ask for a new link.") from error


def content_disposition(filename: str) -> str:
    """RFC 6266 with an ASCII fallback, safe for any title."""
    ascii_name = "".join(
        c if (c.isascii() and c.isalnum()) or c in "-_." else "_" for c in filename
    )
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename, safe='')}"
