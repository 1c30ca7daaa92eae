"""Cloudinary: authenticated assets, links that expire, a time-out on every call.

Facts that shape this file: `private` leaves derived versions public and `raw` renders no
previews, so paid PDFs are `image`/`authenticated`; signed delivery URLs never expire, so
links are `private_download_url`s; the SDK's configuration is global to the process, so
credentials travel with each call.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO
from typing import Any

import cloudinary.api
import cloudinary.api_client.call_api
import cloudinary.exceptions
import cloudinary.uploader
import cloudinary.utils
import requests
import structlog
import urllib3
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible

from notes.storage.port import StorageUnavailable
from ops import upstream

BREAKER = "cloudinary"
# Seconds. Storing a 20 MiB PDF takes the far side a while to answer.
UPLOAD_S = 20
CALL_TIMEOUT = urllib3.Timeout(connect=2, total=5)
UPLOAD_TIMEOUT = urllib3.Timeout(connect=2, read=UPLOAD_S)
# The SDK's connection pools repeat a call that timed out three times more; ours may not.
for _pool in (cloudinary.uploader._http, cloudinary.api_client.call_api._http):
    _pool.connection_pool_kw["retries"] = False
FAILURES = (cloudinary.exceptions.Error, requests.RequestException)
# A 4xx is an answer: it says nothing against the store.
REFUSALS = (
    cloudinary.exceptions.AlreadyExists,
    cloudinary.exceptions.AuthorizationRequired,
    cloudinary.exceptions.BadRequest,
    cloudinary.exceptions.NotAllowed,
    cloudinary.exceptions.RateLimited,
)
ASSET = {"resource_type": "image", "type": "authenticated"}

log = structlog.get_logger("notevault.storage")


@deconstructible(path="notes.storage.cloudinary.CloudinaryNoteStorage")
class CloudinaryNoteStorage(Storage):
    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        if name is None:
            raise ValueError("a stored note has a name")
        content.seek(0)
        with _reaching("upload"):
            reply = cloudinary.uploader.upload(
                BytesIO(content.read()),
                public_id=_public_id(name),
                overwrite=False,
                filename="note.pdf",
                timeout=UPLOAD_TIMEOUT,
                **ASSET,
                **_credentials(),
            )
        if reply.get("existing"):
            raise FileExistsError(f"{name} is stored already")
        return name

    def open(self, name: str, mode: str = "rb") -> File[Any]:
        url = self._link(name, expires_at=0)
        with _reaching("open"):
            # `requests` takes a time-out of urllib3, though its types do not say so.
            reply = requests.get(url, timeout=CALL_TIMEOUT)  # type: ignore[arg-type]
            if reply.status_code >= 500:
                raise requests.HTTPError(f"status {reply.status_code}")
        if reply.status_code == 404:
            raise FileNotFoundError(name)
        if reply.status_code != 200:
            log.warning("storage.unexpected_answer", status=reply.status_code)
            raise StorageUnavailable
        return ContentFile(reply.content, name=name)

    def exists(self, name: str) -> bool:
        try:
            with _reaching("exists"):
                cloudinary.api.resource(
                    _public_id(name), timeout=CALL_TIMEOUT, **ASSET, **_credentials()
                )
        except FileNotFoundError:
            return False
        return True

    def delete(self, name: str) -> None:
        with _reaching("delete"):
            cloudinary.uploader.destroy(
                _public_id(name),
                invalidate=True,
                timeout=CALL_TIMEOUT,
                **ASSET,
                **_credentials(),
            )

    def download_url(self, name: str, *, filename: str, expires_at: datetime) -> str:
        # The stored name decides how the file is called; Cloudinary takes no other here.
        return self._link(name, expires_at=int(expires_at.timestamp()))

    def _link(self, name: str, *, expires_at: int) -> str:
        url: str = cloudinary.utils.private_download_url(
            _public_id(name),
            "pdf",
            attachment=True,
            expires_at=expires_at or None,
            **ASSET,
            **_credentials(),
        )
        return url


@contextmanager
def _reaching(action: str) -> Iterator[None]:
    """Guard a call, and turn the SDK's errors into the port's two: not found, unavailable."""
    with upstream.calling(BREAKER, most_s=UPLOAD_S, refusal=_not_called) as call:
        try:
            yield
        except cloudinary.exceptions.NotFound as error:
            call.succeeded = True
            raise FileNotFoundError(action) from error
        except Exception as error:
            # The SDK raises a bare Exception for a status it has no class for, such as 502.
            if type(error) is not Exception and not isinstance(error, FAILURES):
                raise
            call.succeeded = isinstance(error, REFUSALS)
            log.warning("storage.unavailable", action=action, error=type(error).__name__)
            raise StorageUnavailable from error
        call.succeeded = True


def _not_called(retry_after: int) -> StorageUnavailable:
    return StorageUnavailable(retry_after=retry_after)


def _credentials() -> dict[str, Any]:
    return {
        "cloud_name": settings.CLOUDINARY_CLOUD_NAME,
        "api_key": settings.CLOUDINARY_API_KEY,
        "api_secret": settings.CLOUDINARY_API_SECRET,
        "upload_prefix": settings.CLOUDINARY_UPLOAD_PREFIX,
        "secure": True,
    }


def _public_id(name: str) -> str:
    return name.removesuffix(".pdf")
