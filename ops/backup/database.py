"""A database as PostgreSQL's own programs and psycopg reach it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.utils import ConnectionHandler
from psycopg import pq
from psycopg.conninfo import make_conninfo

from notevault.db import pgbouncer
from notevault.settings.database import from_url
from ops.backup.refusal import BackupError, BadRequest

CONNECT_WITHIN_S = "10"


class DatabaseUnreachable(BackupError):
    pass


@dataclass(frozen=True)
class Database:
    """`parameters` are libpq's own keywords. They hold the password: never show them."""

    parameters: Mapping[str, str]

    @property
    def name(self) -> str:
        return self.parameters["dbname"]

    def __str__(self) -> str:
        host = self.parameters.get("host", "this machine")
        return f"The database {self.name} on {host}"

    def named(self, name: str) -> Database:
        """Another database of the same server."""
        return Database({**self.parameters, "dbname": name})

    def environment(self) -> dict[str, str]:
        """For a program of PostgreSQL's: a command line could be read by everybody."""
        known = {option.keyword: option.envvar for option in pq.Conninfo.get_defaults()}
        ours = {
            variable.decode(): value
            for keyword, value in self.parameters.items()
            if (variable := known[keyword.encode()]) is not None
        }
        return {**os.environ, **ours, "LC_ALL": "C"}

    def url(self) -> str:
        """A DATABASE_URL for another process of ours."""
        rest = dict(self.parameters)
        user, password = (quote(rest.pop(name, ""), safe="") for name in ("user", "password"))
        login = f"{user}:{password}@" if user else ""
        return f"postgresql://{login}/{quote(rest.pop('dbname'), safe='')}?{urlencode(rest)}"

    def connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        """A connection of our own, outside Django's pool. Raises DatabaseUnreachable."""
        try:
            how = make_conninfo(**{"connect_timeout": CONNECT_WITHIN_S, **self.parameters})
            return psycopg.connect(how, autocommit=autocommit)
        except psycopg.Error as error:
            raise DatabaseUnreachable(f"{self} cannot be reached: {first_line(error)}") from error


def configured() -> Database:
    """The database that the application itself works on.

    Raises BadRequest where only pgbouncer is known: it lends a session to one transaction, and
    a dump needs the same session from its beginning to its end.
    """
    if settings.BACKUP_DATABASE_URL:
        return at(settings.BACKUP_DATABASE_URL)
    if pgbouncer.is_between():
        raise BadRequest(
            "DATABASE_URL goes through pgbouncer, and backups cannot. Set BACKUP_DATABASE_URL to "
            "the same database on PostgreSQL itself."
        )
    return _database(connection)


def at(url: str) -> Database:
    """The database that a DATABASE_URL names. Raises BadRequest for one that names none."""
    try:
        config = from_url(url, pool_size=1)
        if not config["NAME"]:
            raise BadRequest("The URL names no database: postgresql://user@host:5432/name")
        return _database(ConnectionHandler({"default": config})["default"])
    except (ImproperlyConfigured, ValueError) as error:
        sentence = str(error).replace("DATABASE_URL", "A database's URL")
        raise BadRequest(sentence) from error


def first_line(error: psycopg.Error) -> str:
    return str(error).strip().partition("\n")[0]


def _database(wrapper: Any) -> Database:
    """Django's options without those that are Django's or psycopg's own."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = wrapper.get_connection_params()
    return Database({name: str(value) for name, value in given.items() if name in known})
