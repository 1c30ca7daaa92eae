"""A PgBouncer with the shipped configuration, before the PostgreSQL that starts itself."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg

from notevault import embedded
from notevault.embedded.home import give, make_private

SHIPPED = Path("deploy/k8s/base/pgbouncer/pgbouncer.ini")
MOUNTED = "/etc/pgbouncer/local"
HOST = "127.0.0.1"
ADMIN = "pgbouncer_admin"
START_WITHIN_S = 10.0
STOP_WITHIN_S = 15.0

# What the application would send by itself, if PgBouncer took it. Tests are no web process, whose
# statements have ten seconds; the demo, on the database `notevault`, has one.
TIMEOUTS = (
    "ALTER ROLE {role} SET statement_timeout = 0",
    "ALTER ROLE {role} SET lock_timeout = '3s'",
    "ALTER ROLE {role} SET idle_in_transaction_session_timeout = '60s'",
    "ALTER ROLE {role} IN DATABASE {name} SET statement_timeout = '10s'",
)


class PoolerFailed(Exception):
    """It cannot be run; the message says why and what to do."""


@dataclass
class Pooler:
    """The program, its server, and where both are reached. `stop` may be called twice."""

    server: embedded.Server
    port: int = field(default_factory=lambda: free_port())
    _admin_password: str = field(default_factory=lambda: secrets.token_hex(16))
    _process: subprocess.Popen[bytes] | None = None

    def url(self) -> str:
        """DATABASE_URL of the application."""
        return (
            f"postgresql://{self._login()}@{HOST}:{self.port}/{self._given('NAME')}?pgbouncer=true"
        )

    def direct_url(self) -> str:
        """Of what needs a session: the same database, past PgBouncer."""
        where = urlencode({"host": self._given("HOST"), "port": self._given("PORT")})
        return f"postgresql://{self._login()}@/{self._given('NAME')}?{where}"

    def prepare(self) -> None:
        """Afterwards the server runs, its role has time-outs, and the configuration is written."""
        self.server.ensure_running()
        with closing(psycopg.connect(self.direct_url(), autocommit=True)) as session:
            for statement in TIMEOUTS:
                session.execute(
                    statement.format(role=self._given("USER"), name=self._given("NAME"))
                )
            found = session.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = current_user"
            ).fetchone()
        self._write(secret=found[0] if found else "")

    def start(self) -> None:
        """Afterwards it accepts. PoolerFailed when it ends instead."""
        owner = self.folder.stat()
        is_root = os.geteuid() == 0
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [find_program(), self.folder / "pgbouncer.ini"],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
                start_new_session=True,  # Ctrl+C is for us
                user=owner.st_uid if is_root else None,
                group=owner.st_gid if is_root else None,
                extra_groups=[] if is_root else None,
            )
        deadline = time.monotonic() + START_WITHIN_S
        while not _accepts(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                last = self.log.read_text(errors="replace").splitlines()[-3:]
                raise PoolerFailed("pgbouncer did not start:\n" + "\n".join(last))
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT waits for the transactions under way, SIGTERM does not."""
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def tell(self, command: str) -> list[dict[str, Any]]:
        """A command of the console, such as SHOW POOLS or RECONNECT, and its answer."""
        with closing(
            psycopg.connect(
                host=HOST,
                port=self.port,
                dbname="pgbouncer",
                user=ADMIN,
                password=self._admin_password,
                autocommit=True,
            )
        ) as console:
            cursor = console.cursor(row_factory=psycopg.rows.dict_row)
            cursor.execute(command)
            return cursor.fetchall() if cursor.description else []

    @property
    def folder(self) -> Path:
        return self.server.status().log.parent / "pgbouncer"

    @property
    def log(self) -> Path:
        return self.folder / "pgbouncer.log"

    def _write(self, *, secret: str) -> None:
        home = self.folder.parent
        owner = home.stat()
        make_private(self.folder, owner.st_uid, owner.st_gid)
        password = self._admin_password
        shipped = SHIPPED.read_text()
        if shipped.count(MOUNTED) < 2:
            raise PoolerFailed(f"{SHIPPED} does not name its two files in {MOUNTED} any more.")
        files = {
            "pgbouncer.ini": shipped.replace(MOUNTED, str(self.folder)),
            "databases.ini": self._databases(),
            "users.txt": f'"{self._given("USER")}" "{secret}"\n"{ADMIN}" "{password}"\n',
            "pgbouncer.log": "",
        }
        for name, text in files.items():
            path = self.folder / name
            path.unlink(missing_ok=True)
            path.touch(mode=0o600)
            path.write_text(text)
            give(path, home)

    def _databases(self) -> str:
        """What differs here. Nothing is encrypted on a socket, and each database of a test goes
        the same way."""
        return (
            f"listen_addr = {HOST}\nlisten_port = {self.port}\nserver_tls_sslmode = disable\n\n"
            f"[databases]\n* = host={self._given('HOST')} port={self._given('PORT')}\n"
        )

    def _given(self, name: str) -> str:
        return str(self.server.database_settings()[name])

    def _login(self) -> str:
        return f"{self._given('USER')}:{quote(self._given('PASSWORD'), safe='')}"


def find_program() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        raise PoolerFailed("pgbouncer is missing. On Debian: apt-get install pgbouncer")
    return found


@contextmanager
def running(base_dir: Path) -> Iterator[Pooler]:
    """Both stop when it ends; the server's data stay in `base_dir`. PoolerFailed when another one
    runs there."""
    base_dir.mkdir(parents=True, exist_ok=True)
    with (base_dir / "pgbouncer.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PoolerFailed(f"Another one runs in {base_dir}. Set DATA_DIR.") from None
        find_program()
        pooler = Pooler(embedded.server(base_dir))
        try:
            pooler.prepare()
            pooler.start()
            yield pooler
        finally:
            pooler.stop()
            pooler.server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
