"""The PostgreSQL that starts itself: for development on Linux and macOS, never in production.

A server lives in `<base_dir>/postgres`, listens on a unix socket only, and is started by
whoever needs it first. It outlives its starter, and all programs of that folder share it.

    <base_dir>/postgres.lock   held while the server is made, started or stopped
    <base_dir>/postgres/       0700; a symlink where the server's user cannot reach base_dir
        password, server.log, data/, run-<digest>/ (its socket), install-<digest>/ (a copy)

PostgreSQL refuses to run as root: for root it runs as `postgres` or `nobody`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from notevault.embedded.programs import EmbeddedPostgresError, find_binaries
from notevault.embedded.server import Server, Status

__all__ = [
    "EmbeddedPostgresError",
    "Server",
    "Status",
    "database_settings",
    "find_binaries",
    "server",
]


def server(base_dir: Path) -> Server:
    return Server(Path(base_dir).resolve())


def database_settings(base_dir: Path, *, debug: bool) -> dict[str, Any]:
    """Django's DATABASES["default"] for the server in `base_dir`; starts nothing.

    Raises ImproperlyConfigured when `debug` is off.
    """
    if not debug:
        raise ImproperlyConfigured(
            "DATABASE_URL is not set. The PostgreSQL that starts itself is for development, and "
            "DEBUG is off: set DATABASE_URL=postgresql://user:password@host:5432/name"
        )
    return server(base_dir).database_settings()
