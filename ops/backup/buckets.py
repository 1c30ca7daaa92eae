"""Backups in Amazon's, Google's and compatible object stores, by fsspec."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec
from aiohttp import ClientError as HttpClientError

from ops.backup.refusal import BadRequest
from ops.backup.stores import Sink, StoreFailed, part_name, sentence_of

# A part of an upload, of which a store takes 10,000: dumps of up to 320 GB. One is in memory.
BLOCK = 32 * 1024 * 1024
# Google's library would else try, at length, to write as nobody.
OPTIONS: dict[str, dict[str, str]] = {"s3": {}, "gs": {"token": "google_default"}}
LIBRARIES = ("aiobotocore", "botocore", "s3fs", "gcsfs", "google.auth")


@dataclass(frozen=True)
class Bucket:
    """An object appears whole or not at all, but under its name only after its size is checked."""

    url: str
    files: Any
    root: str
    failures: tuple[type[Exception], ...]

    @classmethod
    def at(cls, url: str) -> Bucket:
        parts = urlsplit(url)
        if not parts.netloc:
            raise BadRequest(f"{url} names no bucket: {parts.scheme}://bucket/folder")
        root = f"{parts.netloc}{parts.path}".rstrip("/")
        for library in LIBRARIES:  # what they would log, we say in a sentence
            logging.getLogger(library).setLevel(logging.CRITICAL)
        failures: tuple[type[Exception], ...] = (
            OSError,
            HttpClientError,
            *_failures_of(parts.scheme),
        )
        try:
            files = fsspec.filesystem(
                parts.scheme,
                skip_instance_cache=True,
                use_listings_cache=False,
                **OPTIONS[parts.scheme],
            )
        except failures as error:
            raise StoreFailed(_sentence(error, url)) from error
        return cls(url, files, root, failures)

    def check(self) -> None:
        self.names()

    def names(self) -> dict[str, datetime]:
        """No object at all is an empty folder, for a bucket that exists."""
        with self._failures():
            try:
                found = self.files.ls(self.root, detail=True)
            except FileNotFoundError:
                if not self.files.exists(self.root.partition("/")[0]):
                    raise
                return {}
            return {
                row["name"].removeprefix(f"{self.root}/"): _changed_at(row)
                for row in found
                if row["type"] == "file"
            }

    @contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        part, final = (f"{self.root}/{each}" for each in (part_name(name), name))
        with self._failures():
            file = self.files.open(part, "wb", block_size=BLOCK)
            try:
                yield file
                size = file.tell()
                file.close()
                self._demand_size(part, size)
                self.files.cp_file(part, final)
                try:
                    self._demand_size(final, size)
                except BaseException:
                    self.files.rm_file(final)
                    raise
            finally:
                self._discard(file, part)

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        with (
            self._failures(),
            self.files.open(f"{self.root}/{name}", "rb", block_size=BLOCK) as file,
        ):
            yield file

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="notevault-") as folder:
            path = Path(folder) / name
            with self._failures():
                try:
                    self.files.get_file(f"{self.root}/{name}", str(path))
                except OSError as error:
                    if error.errno is None:
                        raise
                    raise StoreFailed(sentence_of(error, place=folder)) from error
            yield path

    def remove(self, name: str) -> None:
        with self._failures(), suppress(FileNotFoundError):
            self.files.rm_file(f"{self.root}/{name}")

    def _demand_size(self, key: str, size: int) -> None:
        there = self.files.info(key, refresh=True)["size"]
        if there != size:
            raise StoreFailed(f"{self.url} holds {there} of the {size} bytes that were sent.")

    def _discard(self, file: Any, part: str) -> None:
        """Left alone, fsspec would complete the upload of half a file when it closes it."""
        if not file.closed:
            file.discard()
            file.closed = True
        with suppress(*self.failures):
            self.files.rm_file(part)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except self.failures as error:
            raise StoreFailed(_sentence(error, self.url)) from error


def _failures_of(scheme: str) -> tuple[type[Exception], ...]:
    """What a store's own library raises; each takes a second to import."""
    if scheme == "s3":
        from botocore.exceptions import BotoCoreError, ClientError

        return BotoCoreError, ClientError
    from gcsfs.retry import HttpError
    from google.auth.exceptions import GoogleAuthError

    return HttpError, GoogleAuthError


def _changed_at(row: dict[str, Any]) -> datetime:
    changed = row.get("LastModified") or row.get("updated") or row.get("mtime")
    if isinstance(changed, datetime):
        return changed
    return datetime.fromisoformat(str(changed).replace("Z", "+00:00"))


def _sentence(error: BaseException, url: str) -> str:
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"{url} cannot be used: {said.rstrip('.')}."
