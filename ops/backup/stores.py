"""Where backups lie: a folder here, or a prefix in a bucket."""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol

from ops.backup.refusal import BackupError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PART = re.compile(r"\.part-(?P<host>[A-Za-z0-9_]+)-(?P<pid>\d+)$")


class StoreFailed(BackupError):
    pass


class NotThere(StoreFailed):
    """A folder or a file that does not exist."""


class Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


class Store(Protocol):
    """A flat folder of files. Each method raises StoreFailed when the place lets it down."""

    @property
    def url(self) -> str: ...

    def check(self) -> None:
        """Raises StoreFailed for a place that does not exist or may not be read."""

    def names(self) -> dict[str, datetime]:
        """All files with the time of their last change."""

    def writing(self, name: str) -> AbstractContextManager[Sink]:
        """The file has its name once the context ended well: until then it has another."""

    def reading(self, name: str) -> AbstractContextManager[IO[bytes]]: ...

    def at_hand(self, name: str) -> AbstractContextManager[Path]:
        """The file on this machine's disk, for a program that reads files."""

    def remove(self, name: str) -> None: ...


def location(store: Store, name: str) -> str:
    return f"{store.url.rstrip('/')}/{name}"


def part_name(name: str) -> str:
    """A name that says whose unfinished work it is."""
    return f"{name}.part-{_host()}-{os.getpid()}"


def is_forsaken(part: str) -> bool:
    """True for unfinished work of a process that was on this machine and has ended."""
    found = PART.search(part)
    if found is None or found["host"] != _host():
        return False
    try:
        os.kill(int(found["pid"]), 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        return False
    return False


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9]", "_", socket.gethostname())


@dataclass(frozen=True)
class Folder:
    path: Path

    @property
    def url(self) -> str:
        return self.path.as_uri()

    def check(self) -> None:
        with self._failures():
            if not stat.S_ISDIR(self.path.stat().st_mode):
                raise StoreFailed(f"{self.path} is a file. Name the folder that holds backups.")

    def names(self) -> dict[str, datetime]:
        with self._failures():
            return {
                entry.name: datetime.fromtimestamp(entry.stat().st_mtime).astimezone()
                for entry in os.scandir(self.path)
                if entry.is_file(follow_symlinks=False)
            }

    @contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        part = self.path / part_name(name)
        with self._failures():
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(handle, "wb") as file:
                    yield file
                    file.flush()
                    os.fsync(handle)
                part.rename(self.path / name)
                self._sync()
            finally:
                part.unlink(missing_ok=True)

    @contextmanager
    def reading(self, name: str) -> Iterator[IO[bytes]]:
        with self._failures(), (self.path / name).open("rb") as file:
            yield file

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        yield self.path / name

    def remove(self, name: str) -> None:
        with self._failures():
            (self.path / name).unlink(missing_ok=True)
            self._sync()

    def _sync(self) -> None:
        """What was renamed or removed stays so after a power cut."""
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            missing = error.filename or self.path
            raise NotThere(f"There is no {missing}.") from error
        except OSError as error:
            raise StoreFailed(sentence_of(error, place=str(self.path))) from error


def sentence_of(error: OSError, *, place: str) -> str:
    if error.errno in FULL:
        return f"No space is left in {place}. Free some, or back up to another place."
    return f"{place} cannot be used: {(error.strerror or str(error)).lower()}."
