"""Backups as an operator makes them, and checksums that say whether two databases are equal."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import CommandError, call_command
from psycopg import sql

from ops.backup.census import look_into
from ops.backup.database import Database, configured
from ops.models import CacheEntry


def run(name: str, *words: str) -> tuple[int, str]:
    """Exit code, and what the command said to standard output or as its last words."""
    out = StringIO()
    try:
        call_command(name, *words, stdout=out, stderr=out, no_color=True)
    except CommandError as refusal:
        return refusal.returncode, out.getvalue() + str(refusal)
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def started(name: str, *words: str) -> subprocess.Popen[str]:
    """The same as a process of its own, on the database of this test."""
    return subprocess.Popen(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), name, *words],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "notevault.settings.test",
            "DATABASE_URL": configured().url(),
            "BACKUP_DATABASE_URL": "",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def checksums(database: Database) -> dict[str, str]:
    """Of each table, over its rows in an order that does not depend on where they lie."""
    with closing(database.connect()) as connection:
        return {
            table: connection.execute(
                sql.SQL(
                    "SELECT md5(coalesce(string_agg(md5(t::text), '' ORDER BY t::text), ''))"
                    " || count(*) FROM {} t"
                ).format(sql.Identifier(*table.split(".")))
            ).fetchall()[0][0]
            for table in look_into(connection).tables
        }


def is_empty(database: Database) -> bool:
    with closing(database.connect()) as connection:
        return look_into(connection).is_empty


def ask(database: Database, question: str) -> Any:
    with closing(database.connect(autocommit=True)) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else []


def belongs_to(role: str, database: Database) -> None:
    """Whoever signs in there is that role, as the guide's logins are the owner."""
    name = sql.Identifier(database.name).as_string()
    ask(database, f"ALTER DATABASE {name} OWNER TO {role}")
    ask(database, f"ALTER SCHEMA public OWNER TO {role}")
    ask(database, f"ALTER ROLE CURRENT_USER IN DATABASE {name} SET role = '{role}'")


def fill(megabytes: int) -> None:
    """So much that no compression makes smaller: a dump of it takes a while."""
    CacheEntry.objects.bulk_create(
        CacheEntry(
            cache_key=f"random-{number}",
            value=base64.b85encode(os.urandom(800_000)).decode(),
            expires="2030-01-01T00:00:00Z",
        )
        for number in range(megabytes)
    )


def flip(path: Path, at: int) -> None:
    """One bit of one byte; a negative place counts from the end."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def in_folder(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def only_dump(folder: Path) -> Path:
    [dump] = folder.glob("*.dump")
    return dump
