"""A dump back into a database, in one transaction: afterwards it is there, or nothing changed."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ops.backup import manifest as manifests
from ops.backup.census import Contents, count_rows, look_into
from ops.backup.database import Database, DatabaseUnreachable, first_line
from ops.backup.manifest import Manifest
from ops.backup.programs import Clients, Running, find_clients
from ops.backup.refusal import BackupError
from ops.backup.stores import Store
from ops.backup.taking import CHUNK, OnBytes, version_of

# How long the old contents are waited for, where others still use them.
LOCK_WAIT = "10s"


class DumpDamaged(BackupError):
    pass


class TargetNotEmpty(BackupError):
    pass


class OfAnotherDatabase(BackupError):
    pass


class TargetTooOld(BackupError):
    pass


@dataclass(frozen=True)
class Target:
    """A database that a backup may be restored into, as it was found."""

    database: Database
    contents: Contents
    clients: Clients


def look_at(database: Database, manifest: Manifest) -> Target:
    """Raises DatabaseUnreachable, and TargetTooOld: what a newer PostgreSQL wrote, an older one
    need not understand."""
    with closing(database.connect()) as connection:
        contents, server_version = look_into(connection), version_of(connection)
    major = int(server_version.partition(".")[0])
    if major < manifest.server_major:
        raise TargetTooOld(
            f"{database} is of PostgreSQL {server_version}, and {manifest.name} of "
            f"{manifest.server_version}: restore it into {manifest.server_major} or newer."
        )
    return Target(database, contents, _clients_for(manifest, major))


def refuse_non_empty(target: Target) -> None:
    """Raises TargetNotEmpty."""
    if not target.contents.is_empty:
        raise TargetNotEmpty(
            f"{target.database} is not empty: it has {target.contents}. Restore into an empty "
            "database, or add --force to drop all that."
        )


def refuse_another(target: Target, manifest: Manifest) -> None:
    """Raises OfAnotherDatabase where what is in the target would give way to what is in a
    database of another name: a folder's URL may be that of the wrong house."""
    if not target.contents.is_empty and manifest.database != target.database.name:
        raise OfAnotherDatabase(
            f"{manifest.name} is of {manifest.database}, and would replace what {target.database} "
            "has. If that is meant, name the .dump in --from."
        )


def check_dump(path: Path, manifest: Manifest, *, on_bytes: OnBytes) -> None:
    """Raises DumpDamaged unless it is, byte for byte, what was written."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            on_bytes(len(chunk))
    if (size, digest.hexdigest()) != (manifest.size_bytes, manifest.sha256):
        raise DumpDamaged(
            f"{manifest.name} is not as it was written: {size} bytes with SHA-256 "
            f"{digest.hexdigest()}, where its manifest has {manifest.size_bytes} with "
            f"{manifest.sha256}."
        )


def fetch_checked(
    store: Store, manifest: Manifest, *, on_bytes: OnBytes, use: Callable[[Path], object]
) -> None:
    """Hand a dump to `use` that is whole. Raises DumpDamaged before that."""
    with store.at_hand(manifest.name) as path:
        check_dump(path, manifest, on_bytes=on_bytes)
        use(path)


def restore(path: Path, target: Target, *, on_bytes: OnBytes) -> None:
    """Put the dump into the database in the place of all that is in it.

    psql gets pg_restore's script between BEGIN and COMMIT of our own: whichever of the three
    of us dies, PostgreSQL never sees the COMMIT. Triggers and constraints come after the rows.
    """
    environment = target.database.environment()
    reader = target.clients.running(
        "pg_restore",
        # Comments are those of extensions, which an administrator may have made there before:
        # the database's owner may not comment on them, and they bring their own.
        *("--no-owner", "--no-privileges", "--no-comments", "-f", "-", str(path)),
        environment=environment,
    )
    writer = target.clients.running(
        "psql",
        *("-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "--no-password", "-f", "-"),
        environment=environment,
        stdin=subprocess.PIPE,
    )
    with reader as script, writer as psql:
        try:
            psql.input.write(_clearing(target).encode())
            _pour(script, psql, on_bytes)
            script.finish()
            psql.input.write(b"\nCOMMIT;\n")
            psql.input.close()
        except BrokenPipeError:
            pass  # psql says why
        psql.finish()


def differences(database: Database, manifest: Manifest) -> list[str]:
    """Where the rows of a restored database are not those that the manifest counted."""
    with closing(database.connect()) as connection:
        try:
            connection.execute("SET LOCAL statement_timeout = 0")
            found = count_rows(connection)
        except psycopg.Error as error:
            raise DatabaseUnreachable(f"{database} failed us: {first_line(error)}.") from error
    return [
        f"{table}: {found.get(table, 'no table')} instead of {manifest.rows.get(table, 'no table')}"
        for table in sorted({*found, *manifest.rows})
        if found.get(table) != manifest.rows.get(table)
    ]


def empty(database: Database) -> None:
    """Drop all that is in it but the database itself."""
    with closing(database.connect()) as connection, connection.transaction():
        for statement in _drops(look_into(connection)):
            connection.execute(statement)


def next_steps(manifest: Manifest) -> list[str]:
    """What is left to do after a restore, in its order."""
    day = f"{manifest.started_at:%Y-%m-%d}"
    return [
        *(["manage.py migrate"] if manifests.is_older_schema(manifest) else []),
        "manage.py verify_ledger",
        f"manage.py reconcile --from {day}",
    ]


def _clients_for(manifest: Manifest, major: int) -> Clients:
    """An archive wants a pg_restore that is not older than the pg_dump that wrote it."""
    return find_clients(at_least=max(major, int(manifest.client_version.partition(".")[0])))


def _pour(script: Running, psql: Running, on_bytes: OnBytes) -> None:
    # A pipe's reader is buffered and has read1, of which IO[bytes] knows nothing.
    while chunk := script.output.read1(CHUNK):  # type: ignore[attr-defined]
        psql.input.write(chunk)
        on_bytes(len(chunk))


def _clearing(target: Target) -> str:
    drops = [] if target.contents.is_empty else _drops(target.contents)
    lines = ["BEGIN", f"SET LOCAL lock_timeout = '{LOCK_WAIT}'", *(d.as_string() for d in drops)]
    return "".join(f"{line};\n" for line in lines)


def _drops(contents: Contents) -> list[sql.Composed | sql.SQL]:
    drop = "DROP SCHEMA {} CASCADE"
    drops = [sql.SQL(drop).format(sql.Identifier(schema)) for schema in contents.schemas]
    # As initdb makes it, or a dump of the restored database would differ.
    make_public = "CREATE SCHEMA public AUTHORIZATION pg_database_owner"
    return [*drops, sql.SQL(make_public), sql.SQL("GRANT USAGE ON SCHEMA public TO PUBLIC")]
