"""For processes that a test starts: its database, a free port, and how they are waited for."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from notevault.db import pgbouncer
from ops.backup.database import Database, at


def database_url(**parameters: str) -> str:
    """Of this test's own database, for a process of its own."""
    given = connection.settings_dict
    if pgbouncer.is_between():
        parameters = {"pgbouncer": "true", **parameters}
    where = urlencode({"host": given["HOST"], "port": given["PORT"], **parameters})
    sign_in = f"{quote(given['USER'])}:{quote(given['PASSWORD'])}"
    return f"postgresql://{sign_in}@/{given['NAME']}?{where}"


def direct_url() -> str:
    """Of the same database for libpq, and past PgBouncer where it is between: for what needs a
    session, such as pg_dump and the options of a session."""
    if pgbouncer.is_between():
        known = at(settings.BACKUP_DATABASE_URL).named(connection.settings_dict["NAME"])
        # Whoever asks has options of its own, and libpq reads no space in a URL as we write it.
        return Database({**known.parameters, "options": ""}).url()
    return database_url()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(holds: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
