"""What the guide's commands work on: a demo that runs, its database, and folders of its own."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from notevault import embedded

UP = "Ctrl+C stops everything."
START_WITHIN_S = 400
RESTORED = "notevault_restored"
# What a machine has set for other databases or accounts has no place here.
OTHERS = ("PG", "DATABASE_", "RAZORPAY_", "CLOUDINARY_", "KUBE", "PROMETHEUS_", "GUIDE_")


class CannotStart(Exception):
    """The message says why, and where the log is."""


class Demo:
    """A context: the program of `make demo` on free ports; its data stays for the next time."""

    def __init__(self, *, root: Path, data: Path) -> None:
        self.root, self.data = root, data
        self.web, self.sandbox = _free_port(), _free_port()
        self.token = secrets.token_hex(32)
        backups = data / "guide-backups"
        shutil.rmtree(backups, ignore_errors=True)
        backups.mkdir(parents=True)
        plain = {name: text for name, text in os.environ.items() if not name.startswith(OTHERS)}
        self.environment = {
            **plain,
            "DATA_DIR": str(data),
            "DJANGO_SETTINGS_MODULE": "notevault.settings.local",
            "DJANGO_READ_DOT_ENV": "false",
            "PORT": str(self.web),
            "RAZORPAY_BASE_URL": f"http://127.0.0.1:{self.sandbox}",
            "PUBLIC_API_URL": f"http://127.0.0.1:{self.web}",
            "METRICS_TOKEN": self.token,
            "BACKUP_URL": str(backups),
            "EMAIL_URL": f"filemail://{data / 'mails'}",
        }
        self._child: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Demo:
        self.data.mkdir(parents=True, exist_ok=True)
        path = self.data / "guide-demo.log"
        self._log = path.open("wb")
        self._child = subprocess.Popen(
            [sys.executable, "manage.py", "demo", "--sandbox-port", str(self.sandbox)],
            cwd=self.root,
            env={**self.environment, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait(path)
            self._begin_anew()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(60)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        if self._log is not None:
            self._log.close()

    def _wait(self, log: Path) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while UP not in log.read_text(errors="replace"):
            if self._child is None or self._child.poll() is not None:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
                raise CannotStart(f"The demo ended by itself. {log} ends with:\n{tail}")
            if time.monotonic() > deadline:
                raise CannotStart(f"The demo is not up after {START_WITHIN_S} s: see {log}.")
            time.sleep(0.2)

    @property
    def postgres(self) -> dict[str, str]:
        """How its server is reached, for the clients of the guide's shell."""
        given = embedded.server(self.data).database_settings()
        return {f"GUIDE_PG{name}": given[name] for name in ("HOST", "PORT", "USER", "PASSWORD")} | {
            "GUIDE_PGBIN": str(embedded.find_binaries())
        }

    @property
    def empty_database_url(self) -> str:
        given = self.postgres
        user = f"{given['GUIDE_PGUSER']}:{given['GUIDE_PGPASSWORD']}"
        return (
            f"postgresql://{user}@/{RESTORED}?host={given['GUIDE_PGHOST']}"
            f"&port={given['GUIDE_PGPORT']}"
        )

    def _begin_anew(self) -> None:
        """What the guide made the last time is gone, and README's buyer can register again."""
        given = self.postgres
        own = {name.removeprefix("GUIDE_"): value for name, value in given.items()}

        def psql(query: str, database: str = "postgres") -> list[str]:
            return subprocess.run(
                [Path(given["GUIDE_PGBIN"]) / "psql", "-XqAtd", database, "-c", query],
                env={**os.environ, **own},
                check=True,
                capture_output=True,
                text=True,
            ).stdout.split()

        # Scratch restores wait for the disk longest, and nobody needs this data after a crash.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            psql(f"ALTER SYSTEM SET {name} = off")
        psql("SELECT pg_reload_conf()")
        known = f"('postgres', '{embedded.server(self.data).database_settings()['NAME']}')"
        for name in psql(
            f"SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN {known}"  # noqa: S608 our own words
        ):
            psql(f'DROP DATABASE "{name}" WITH (FORCE)')
        for name in psql(r"SELECT rolname FROM pg_roles WHERE NOT rolsuper AND rolname !~ '^pg_'"):
            psql(f'DROP ROLE "{name}"')
        psql(f"CREATE DATABASE {RESTORED}")
        psql(
            "UPDATE accounts_user SET email = id || '@example.com' WHERE email = 'me@example.com'",
            given["GUIDE_PGUSER"],
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
