"""The PgBouncer of the image, before the database of the trial."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from deploy.image.trial.report import Report
from deploy.image.trial.runtime import Container, Image
from ops.tests.own_database import free_port

CONFIGURATION = """\
[databases]
notevault = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
"""
START_S = 20


def try_pooler(report: Report, image: Image, folder: Path, database_url: str) -> None:
    """deploy/pgbouncer tries the shipped configuration; this, that the program runs confined."""
    parts, port = urlsplit(database_url), free_port()
    path = folder / "pgbouncer.ini"
    path.write_text(
        CONFIGURATION.format(
            host=parts.hostname,
            port=parts.port,
            user=parts.username,
            password=parts.password,
            own_port=port,
        )
    )
    binds = {path: "/etc/pgbouncer/pgbouncer.ini"}
    words = [str(word) for word in image.config["Cmd"]]
    container = Container(image, "pgbouncer", words, {}, folder, binds).start()
    try:
        answer = ask(port)
        report.check("pgbouncer: lends a connection", answer == "notevault", answer)
        # The real one asks the usual port, which may be somebody else's here.
        usual = image.config["Healthcheck"]["Test"][1:]
        test = [word.replace("6432", str(port)) for word in usual]
        code, said = container.execute(*test)
        report.check("pgbouncer: HEALTHCHECK's command exits with 0", code == 0, said or code)
        code, seconds = container.stop("INT", 20)
        report.check("pgbouncer: SIGINT ends it, exit 0", code == 0, f"{code}, {seconds:.1f} s")
    finally:
        container.kill()


def ask(port: int) -> str:
    """Who we are behind it; empty when it does not answer in time."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with (
            suppress(psycopg.OperationalError),
            closing(
                psycopg.connect(
                    host="127.0.0.1",
                    port=port,
                    dbname="notevault",
                    user="anybody",
                    client_encoding="utf8",
                )
            ) as session,
        ):
            found = session.execute("SELECT current_user").fetchone()
            return str(found[0]) if found else ""
        time.sleep(0.1)
    return ""
