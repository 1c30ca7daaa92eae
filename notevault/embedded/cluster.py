"""One PostgreSQL data folder and the server on it: made, started, recognised, stopped."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from notevault.embedded.home import digest, give, make_private
from notevault.embedded.programs import (
    Command,
    EmbeddedPostgresError,
    check,
    command_line,
    find_binaries,
    make_runnable,
    run,
)

NAME = "notevault"
PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
SOCKET_PATH_BYTES = 103  # macOS; Linux allows 107
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "250",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "error",
    # Without the statement and the values that an error is about: they may be secrets.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    # Development data: it survives a kill of the server, not a power cut.
    "fsync": "off",
    "full_page_writes": "off",
}
LOCALES = (
    ["--locale=C.UTF-8"],
    # For a system without that locale: PostgreSQL 17 brings its own.
    ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    ["--locale=C"],
)


@dataclass(frozen=True)
class Cluster:
    """What lives in `home`. Callers of start and stop hold the lock."""

    home: Path

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "server.log"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text()

    @property
    def socket_dir(self) -> Path:
        """A new name for each new password: a server whose home was deleted under it lives for
        up to a minute, and deletes its socket's path when it goes."""
        name = digest(self.home, self.password)
        inside = self.home / f"run-{name}"
        # A comma would part two hosts in libpq.
        if len(os.fsencode(inside / SOCKET)) <= SOCKET_PATH_BYTES and "," not in str(inside):
            return inside
        return Path(f"/tmp/notevault-{self.home.stat().st_uid}-{name}")  # noqa: S108 - make_private

    def is_ready(self) -> bool:
        # The process too: a killed server's last child can hold the socket for a moment.
        return self._state() == "ready" and self._listens() and self.find_pid() is not None

    def find_pid(self) -> int | None:
        """None, too, when the number in the pid file is now another program's."""
        first = next(iter(self._pid_file()), "")
        if first.isdigit() and f" -D {self.data} " in command_line(int(first)):
            return int(first)
        return None

    def find_version(self) -> str | None:
        """The major version that made the data."""
        path = self.data / "PG_VERSION"
        return path.read_text().strip() if path.exists() else None

    def start(self) -> None:
        """Afterwards the server is ready, on data that is whole."""
        binaries = make_runnable(find_binaries(), self.home)
        owner = self.home.stat()
        make_private(self.socket_dir, owner.st_uid, owner.st_gid)
        for leftover in self.home.glob("data-part-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        if self.data.exists():
            self._refuse_other_version(binaries)
            self._outlast_predecessor()
        else:
            self._initialise(binaries)
        if not self.is_ready():
            self._disarm_leftovers()
            self._launch(binaries)

    def stop(self, number: signal.Signals) -> bool:
        pid = self.find_pid()
        if pid is None:
            return False
        os.kill(pid, number)
        if not _wait(lambda: self.find_pid() is None, seconds=30):
            raise EmbeddedPostgresError(
                f"PostgreSQL (pid {pid}) is still stopping after 30 seconds: look for a program "
                f"that holds a connection, and in {self.log}."
            )
        return True

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _state(self) -> str:
        # Line 8 is starting, ready or stopping: PostgreSQL's utils/pidfile.h.
        return next(iter(self._pid_file()[7:8]), "").strip()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            try:
                probe.connect(str(self.socket_dir / SOCKET))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except (BlockingIOError, TimeoutError):
                pass  # it listens, and has its hands full
            return True

    def _refuse_other_version(self, binaries: Path) -> None:
        data = self.find_version()
        program = run([binaries / "postgres", "--version"], home=self.home).stdout.strip()
        if not re.search(rf"\) {data}\b", program):
            raise EmbeddedPostgresError(
                f"PostgreSQL {data} made the data in {self.data}, and the programs in {binaries} "
                f"are {program}. Start over by deleting that folder, or bring back the programs "
                "that made it (`manage.py devdb status` shows the paths)."
            )

    def _initialise(self, binaries: Path) -> None:
        """Make `data`, with the database in it, in one rename: it is whole or absent."""
        part = Path(tempfile.mkdtemp(prefix="data-part-", dir=self.home))
        give(part, self.home)
        for locale in LOCALES:
            made = run([*self._initdb(binaries, part), *locale], home=self.home)
            if made.returncode == 0 or "locale" not in made.stderr:
                break
        check(made, f"prepare its data in {self.home}")
        alone = (binaries / "postgres", "--single", "-D", part, "-c", "fsync=off")
        command: Command = (*alone, "-c", "exit_on_error=on", "postgres")
        created = run(command, home=self.home, stdin=f"CREATE DATABASE {NAME}\n")
        check(created, "create the database")
        part.rename(self.data)

    def _initdb(self, binaries: Path, data: Path) -> Command:
        login = (f"--username={NAME}", f"--pwfile={self.home / 'password'}", "--auth=scram-sha-256")
        return (binaries / "initdb", "-D", data, *login, "--encoding=UTF8", "--no-sync")

    def _outlast_predecessor(self) -> None:
        """Afterwards the server is ready, or there is none."""
        _wait(lambda: self.find_pid() is None or self._state() == "ready", seconds=60)
        if not self.is_ready():
            self.stop(signal.SIGINT)  # alive and deaf: something deleted its socket

    def _disarm_leftovers(self) -> None:
        """PostgreSQL does not start while the processes named in a killed server's lock files
        exist, even when those numbers now belong to other programs."""
        for name in (SOCKET, f"{SOCKET}.lock"):
            (self.socket_dir / name).unlink(missing_ok=True)
        pid_file = self.data / "postmaster.pid"
        lines = self._pid_file()
        if lines:
            # It overlooks its starter's number. The other lines stay: they tell it whether
            # children of the killed server still write to the data.
            pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
        else:
            pid_file.unlink(missing_ok=True)

    def _launch(self, binaries: Path) -> None:
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.old"))
        command = self._pg_ctl_start(binaries)
        deadline = time.monotonic() + 10
        while (done := run(command, home=self.home)).returncode != 0:
            log = self.log.read_text(errors="replace") if self.log.exists() else ""
            if "shared memory block" not in log:
                check(done, f"start (its log is {self.log})", log=log)
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"A child of a killed server still works on {self.data}. Wait for its query, "
                    f"or end it: `ps` shows it as `postgres: {NAME} ...`. Then try again."
                )
            time.sleep(0.1)

    def _pg_ctl_start(self, binaries: Path) -> Command:
        settings = {**SETTINGS, "unix_socket_directories": str(self.socket_dir)}
        if any((binaries.parent / "lib").glob("pg_stat_statements.*")):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        options = shlex.join(part for item in settings.items() for part in ("-c", "=".join(item)))
        wait = ("start", "--silent", "--wait", "--timeout=60")
        return (binaries / "pg_ctl", *wait, "-D", self.data, "-l", self.log, "-o", options)


def _wait(condition: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
