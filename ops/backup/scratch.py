"""A database to restore into and throw away."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from psycopg import errors, sql

from ops.backup.census import look_into
from ops.backup.database import Database, first_line
from ops.backup.refusal import BackupError
from ops.backup.restoring import empty


class NoScratch(BackupError):
    pass


@contextmanager
def scratch_beside(database: Database) -> Iterator[Database]:
    """A new database of the same server; it is gone afterwards, whatever happened in it.

    Callers hold the lock of backups, so one that is there before is a killed run's.
    """
    prefix = f"{database.name[:40]}_verify_"
    made = database.named(prefix + secrets.token_hex(4))
    with closing(database.connect(autocommit=True)) as connection:
        for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall():
            if re.fullmatch(rf"{re.escape(prefix)}[0-9a-f]{{8}}", name):
                _drop(connection, name)
        _create(connection, made.name)
    try:
        yield made
    finally:
        with closing(database.connect(autocommit=True)) as connection:
            _drop(connection, made.name)


@contextmanager
def scratch_given(database: Database) -> Iterator[Database]:
    """A database that somebody prepared: empty before, and empty again afterwards."""
    with closing(database.connect()) as connection:
        contents = look_into(connection)
    if not contents.is_empty:
        raise NoScratch(f"{database} is not empty: it has {contents}. Give an empty one.")
    try:
        yield database
    finally:
        empty(database)


def _create(connection: psycopg.Connection, name: str) -> None:
    try:
        # Not template1, to which somebody may have added what a dump brings too.
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(_word(name)))
    except errors.InsufficientPrivilege as error:
        # Not the login: a session may have taken another role, and that one's right counts.
        [(role,)] = connection.execute("SELECT quote_ident(current_user)").fetchall()
        raise NoScratch(
            f"A scratch database could not be made: {first_line(error)}. ALTER ROLE {role} "
            "CREATEDB, or give an empty database with --into."
        ) from error
    except psycopg.Error as error:
        raise NoScratch(f"A scratch database could not be made: {first_line(error)}.") from error


def _drop(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(_word(name)))


def _word(name: str) -> sql.Identifier:
    return sql.Identifier(name)
