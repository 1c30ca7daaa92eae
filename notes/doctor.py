"""What the doctor says of the file store: a file written, read back and removed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta

import requests
from django.core.files.base import ContentFile

from notes.storage import note_storage
from notes.storage.local import LocalNoteStorage
from notes.storage.port import NoteStorage, StorageUnavailable
from ops.doctor.finding import Finding, Visit, fail, ok, warn

# The smallest PDF with a page that a strict reader takes.
PROBE = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""
LINK_LIVES = timedelta(minutes=5)
DOWNLOAD_S = 10
REFUSED = (401, 403)


def examine(visit: Visit) -> Iterator[Finding]:
    store = note_storage()
    if isinstance(store, LocalNoteStorage):
        if visit.is_production:
            yield fail(
                "Files are kept on this machine's disk: other pods do not see them.",
                "Set CLOUDINARY_CLOUD_NAME, CLOUDINARY_API_KEY and CLOUDINARY_API_SECRET.",
            )
        yield from _probe(store, visit, remedy=f"Make {store.location} writable for this user.")
    elif visit.online:
        yield from _probe(
            store, visit, remedy="Check the three CLOUDINARY_ variables and its status page."
        )
    else:
        yield ok("Cloudinary's keys are set. With --online a file is stored and fetched.")


def _probe(store: NoteStorage, visit: Visit, *, remedy: str) -> Iterator[Finding]:
    name = f"probes/{uuid.uuid4()}.pdf"
    try:
        store.save(name, ContentFile(PROBE, name=name))
    except (OSError, StorageUnavailable) as error:
        yield fail(f"No file can be stored: {_said(error)}", remedy)
        return
    try:
        yield _read_back(store, name, visit)
    finally:
        yield _removed(store, name, remedy)


def _read_back(store: NoteStorage, name: str, visit: Visit) -> Finding:
    if isinstance(store, LocalNoteStorage):
        with store.open(name) as file:
            is_same = file.read() == PROBE
        return _compared(is_same)
    link = store.download_url(name, filename="probe.pdf", expires_at=visit.now + LINK_LIVES)
    try:
        reply = requests.get(link, timeout=DOWNLOAD_S)
    except requests.RequestException as error:
        return fail(
            f"What was stored cannot be fetched: {type(error).__name__}",
            "Let this machine open connections to api.cloudinary.com, port 443.",
        )
    if reply.status_code in REFUSED:
        return fail(
            f"Cloudinary stores PDFs and does not hand them out ({reply.status_code}).",
            "In its console, Settings → Security, switch on “Allow delivery of PDF and ZIP files”.",
        )
    return _compared(reply.status_code == 200 and reply.content == PROBE)


def _compared(is_same: bool) -> Finding:
    if is_same:
        return ok("A PDF was stored and came back the same.")
    return fail(
        "A PDF was stored, and something else came back.",
        "Look at the store's own log; sell nothing until this is well.",
    )


def _removed(store: NoteStorage, name: str, remedy: str) -> Finding:
    try:
        store.delete(name)
    except (OSError, StorageUnavailable) as error:
        return warn(f"The file {name} could not be removed: {_said(error)}", remedy)
    return ok("It was removed again.")


def _said(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
