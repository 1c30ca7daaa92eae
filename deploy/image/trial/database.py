"""A PostgreSQL of the newest version on a port of the loopback, as a container reaches one."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from notevault.embedded import home
from notevault.embedded.programs import check, find_binaries, make_runnable, run

NAME = "notevault"


@contextmanager
def serving(port: int) -> Iterator[str]:
    """DATABASE_URL of a role that owns its database and may make others, and no more."""
    base = Path(tempfile.mkdtemp(prefix="notevault-image-", dir="/var/tmp"))
    base.chmod(0o711)
    folder = base / "postgres"
    try:
        home.make(folder)
        folder = folder.resolve()
        binaries = make_runnable(find_binaries(), folder)
        login = ("--username=postgres", f"--pwfile={folder / 'password'}", "--auth=scram-sha-256")
        data = folder / "data"
        made = run([binaries / "initdb", "-D", data, *login, "--no-sync"], home=folder)
        check(made, "prepare its data")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off"
        options += " -c unix_socket_directories= -c max_connections=100 -c log_destination=stderr"
        control = (binaries / "pg_ctl", "-D", data, "--silent", "--wait")
        check(
            run([*control, "start", "-l", folder / "server.log", "-o", options], home=folder),
            "start",
        )
        try:
            yield _make_role(port, password=(folder / "password").read_text())
        finally:
            run([*control, "stop", "-m", "immediate"], home=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(base, ignore_errors=True)


def _make_role(port: int, *, password: str) -> str:
    own = secrets.token_hex(16)
    where = {"host": "127.0.0.1", "port": port, "dbname": "postgres"}
    with closing(
        psycopg.connect(**where, user="postgres", password=password, autocommit=True)  # type: ignore[arg-type]
    ) as session:
        name = sql.Identifier(NAME)
        session.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, sql.Literal(own))
        )
        session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
    return f"postgresql://{NAME}:{own}@127.0.0.1:{port}/{NAME}"
