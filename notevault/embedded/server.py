"""The server of one data folder, as the rest of the project sees it."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from notevault.embedded import home
from notevault.embedded.cluster import NAME, PORT, STOP_SIGNALS, Cluster
from notevault.embedded.programs import ELSEWHERE, EmbeddedPostgresError


@dataclass(frozen=True)
class Status:
    running: bool
    pid: int | None
    version: str | None
    """The major version that made the data; None before the first start."""
    data_dir: Path
    socket_dir: Path
    port: int
    log: Path


@dataclass(frozen=True)
class Server:
    """`base_dir` is absolute.

    Each method raises EmbeddedPostgresError when the folder or the programs cannot be used.
    """

    base_dir: Path

    def database_settings(self) -> dict[str, Any]:
        """The keys of Django's DATABASES entry. The folder and password exist afterwards."""
        with self._refusals():
            cluster = self._cluster()
            return {
                "ENGINE": "notevault.db",
                "NAME": NAME,
                "USER": NAME,
                "PASSWORD": cluster.password,
                "HOST": str(cluster.socket_dir),
                "PORT": str(PORT),
                "EMBEDDED": str(self.base_dir),
            }

    def ensure_running(self) -> None:
        """Afterwards the server accepts connections and the database exists."""
        with self._refusals():
            cluster = self._cluster()
            if cluster.is_ready():
                return
            with self._lock():
                if not cluster.is_ready():
                    cluster.start()

    def is_running(self) -> bool:
        with self._refusals():
            return self._cluster().is_ready()

    def stop(self, mode: str = "fast") -> bool:
        """False when there was nothing to stop. `mode` is smart, fast or immediate."""
        with self._refusals():
            cluster = self._cluster()
            with self._lock():
                return cluster.stop(STOP_SIGNALS[mode])

    def status(self) -> Status:
        with self._refusals():
            cluster = self._cluster()
            return Status(
                running=cluster.is_ready(),
                pid=cluster.find_pid(),
                version=cluster.find_version(),
                data_dir=cluster.data,
                socket_dir=cluster.socket_dir,
                port=PORT,
                log=cluster.log,
            )

    def _cluster(self) -> Cluster:
        folder = self.base_dir / "postgres"
        if not home.is_made(folder):
            with self._lock():
                home.make(folder)
        return Cluster(folder.resolve())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.base_dir.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self.base_dir / "postgres.lock", flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        remedies = {
            errno.ENOSPC: "Free some disk space.",
            errno.EACCES: "If root or another user made it, run as that user or delete it.",
        }
        try:
            yield
        except OSError as error:
            sentences = (
                f"The development PostgreSQL cannot use {error.filename or self.base_dir}: "
                f"{(error.strerror or str(error)).lower()}.",
                remedies.get(error.errno or 0, ""),
                ELSEWHERE,
            )
            raise EmbeddedPostgresError(" ".join(filter(None, sentences))) from error
