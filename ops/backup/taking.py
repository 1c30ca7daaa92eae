"""A backup: one snapshot, counted and dumped, that has its name once it is whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError

from notevault.kit import clock
from ops.backup import manifest, records
from ops.backup.census import count_rows
from ops.backup.database import Database, DatabaseUnreachable, first_line
from ops.backup.manifest import Manifest
from ops.backup.programs import Clients, find_clients
from ops.backup.refusal import BackupError
from ops.backup.shelf import name_for, shelf_of
from ops.backup.stores import NotThere, Sink, Store, location

CHUNK = 1024 * 1024
# pg_dump waits for a migration no longer than this: behind it waits whoever wants the table.
LOCK_WAIT = "30s"
LOCK = "notevault.backup"

OnBytes = Callable[[int], object]


class AlreadyRunning(BackupError):
    pass


class NothingToBackUp(BackupError):
    pass


class NotRecorded(BackupError):
    pass


@dataclass(frozen=True)
class Snapshot:
    """A state of the database that pg_dump and our own counts share, while it is open."""

    id: str
    server_version: str
    connection: psycopg.Connection[Any]
    migrations: list[str]

    @property
    def server_major(self) -> int:
        return int(self.server_version.partition(".")[0])


@contextmanager
def snapshot_of(database: Database) -> Iterator[Snapshot]:
    """Raises AlreadyRunning beside another backup of the database, NothingToBackUp where
    `migrate` never ran."""
    try:
        with closing(database.connect()) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            # It lies idle while pg_dump works, for however long that takes.
            connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            connection.execute("SET LOCAL statement_timeout = 0")
            hold_alone(connection)
            yield Snapshot(
                id=_value(connection, "SELECT pg_export_snapshot()"),
                server_version=version_of(connection),
                connection=connection,
                migrations=_migrations(connection, database),
            )
    except psycopg.Error as error:
        raise DatabaseUnreachable(f"{database} failed us: {first_line(error)}.") from error


def take_backup(
    *, database: Database, store: Store, keep: int | None, now: datetime, on_bytes: OnBytes
) -> tuple[Manifest, list[str]]:
    """Afterwards a whole backup lies in the store, and what it made superfluous does not.

    Returns the names of what was removed. Raises a BackupError, and then nothing lies in the
    store that did not before; but for NotRecorded, where the backup is whole and stays.
    """
    shelf = shelf_of(store, database.name)
    _look_for(store)
    with snapshot_of(database) as snapshot:
        clients = find_clients(at_least=snapshot.server_major)
        shelf.remove_rubbish(now=now)
        made = _write(database, store, snapshot, clients, now, on_bytes)
    try:
        records.record(manifest=made, location=location(store, made.name))
        surplus = shelf.surplus(keep=keep) if keep else []
        shelf.remove(surplus, now=now)
    except DjangoDatabaseError as error:
        raise NotRecorded(
            f"{made.name} is whole, but this database could not write it down: {error}"
        ) from error
    return made, surplus


@dataclass(frozen=True)
class Plan:
    name: str
    server_version: str
    clients: Clients
    database_bytes: int
    removed: list[str]


def plan_backup(*, database: Database, store: Store, keep: int | None, now: datetime) -> Plan:
    """What `take_backup` would do, as far as it can be known. Refuses what that would refuse."""
    shelf = shelf_of(store, database.name)
    _look_for(store)
    with snapshot_of(database) as snapshot:
        question = "SELECT pg_database_size(current_database())"
        return Plan(
            name=name_for(database.name, now=now),
            server_version=snapshot.server_version,
            clients=find_clients(at_least=snapshot.server_major),
            database_bytes=_value(snapshot.connection, question),
            # The new one counts among those that are kept.
            removed=shelf.surplus(keep=keep - 1) if keep else [],
        )


def hold_alone(connection: psycopg.Connection[Any]) -> None:
    """One backup or verification of a database at a time, until the transaction ends."""
    if not _value(connection, f"SELECT pg_try_advisory_xact_lock(hashtextextended('{LOCK}', 0))"):
        raise AlreadyRunning("Another backup or verification of this database is running.")


def version_of(connection: psycopg.Connection[Any]) -> str:
    """As in `18.6`; a distribution may write more behind it."""
    return str(_value(connection, "SHOW server_version")).partition(" ")[0]


def _look_for(store: Store) -> None:
    try:
        store.check()
    except NotThere as error:
        raise NotThere(f"{error} Make it first.") from error


def _write(
    database: Database,
    store: Store,
    snapshot: Snapshot,
    clients: Clients,
    now: datetime,
    on_bytes: OnBytes,
) -> Manifest:
    name = name_for(database.name, now=now)
    rows = count_rows(snapshot.connection)
    with store.writing(name) as sink:
        size, sha256 = _dump(database, snapshot.id, clients, sink, on_bytes)
    made = Manifest(
        name=name,
        database=database.name,
        app_version=settings.VERSION,
        server_version=snapshot.server_version,
        client_version=clients.version,
        started_at=now,
        finished_at=clock.now(),
        size_bytes=size,
        sha256=sha256,
        schema_version=manifest.version_of(snapshot.migrations),
        migrations=snapshot.migrations,
        rows=rows,
    )
    try:
        with store.writing(manifest.beside(name)) as sink:
            sink.write(made.as_bytes())
    except BaseException:
        store.remove(name)
        raise
    return made


def _dump(
    database: Database, snapshot_id: str, clients: Clients, sink: Sink, on_bytes: OnBytes
) -> tuple[int, str]:
    """Size and SHA-256 of what was written."""
    digest, size = hashlib.sha256(), 0
    arguments = ("-Fc", "--no-password", f"--snapshot={snapshot_id}")
    waiting = f"--lock-wait-timeout={LOCK_WAIT}"
    with clients.running(
        "pg_dump", *arguments, waiting, environment=database.environment()
    ) as program:
        while chunk := program.output.read(CHUNK):
            sink.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            on_bytes(len(chunk))
        program.finish()
    return size, digest.hexdigest()


def _migrations(connection: psycopg.Connection[Any], database: Database) -> list[str]:
    if not _value(connection, "SELECT to_regclass('django_migrations') IS NOT NULL"):
        raise NothingToBackUp(f"{database} has no table of NoteVault's: `manage.py migrate` first.")
    rows = connection.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
    return [name for (name,) in rows]


def _value(connection: psycopg.Connection[Any], question: str) -> Any:
    [(value,)] = connection.execute(question)
    return value
