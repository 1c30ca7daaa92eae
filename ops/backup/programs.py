"""PostgreSQL's programs that read and write a dump, of a version that fits the server."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from notevault.embedded.programs import find_folders
from ops.backup.refusal import BackupError

NAMES = ("pg_dump", "pg_restore", "psql")


class NoFittingProgram(BackupError):
    pass


class ProgramFailed(BackupError):
    pass


@dataclass(frozen=True)
class Clients:
    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @contextmanager
    def running(
        self, name: str, *arguments: str, environment: dict[str, str], stdin: int | None = None
    ) -> Iterator[Running]:
        """A child with its output on a pipe; it does not outlive the context."""
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                [self.folder / name, *arguments],
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment,
            )
            with child:
                try:
                    yield Running(name, child, said)
                finally:
                    child.kill()  # nothing, where it has ended and was waited for
                    if child.stdin is not None:
                        with suppress(BrokenPipeError):
                            child.stdin.close()


@dataclass(frozen=True)
class Running:
    name: str
    child: subprocess.Popen[bytes]
    said: IO[bytes]

    @property
    def output(self) -> IO[bytes]:
        return cast(IO[bytes], self.child.stdout)

    @property
    def input(self) -> IO[bytes]:
        return cast(IO[bytes], self.child.stdin)

    def finish(self) -> None:
        """Wait for its end. Raises ProgramFailed, with its own words, unless that was good."""
        code = self.child.wait()
        if code == 0:
            return
        if code < 0:
            raise ProgramFailed(f"{self.name} was killed by {signal.Signals(-code).name}.")
        raise ProgramFailed(f"{self.name} failed: {self._reason() or f'exit code {code}'}")

    def _reason(self) -> str:
        self.said.seek(0)
        lines = self.said.read().decode(errors="replace").splitlines()
        telling = [line for line in lines if re.search("ERROR|FATAL|error:", line)]
        return next(iter(telling or lines[-1:]), "").removeprefix(f"{self.name}: error: ")


def find_clients(*, at_least: int) -> Clients:
    """The oldest that is not older than the server: a newer one's dump may want a newer server.

    Raises NoFittingProgram.
    """
    found = [
        Clients(folder, version)
        for folder in find_folders(*NAMES)
        if (version := _version(folder / "pg_dump"))
    ]
    fitting = [clients for clients in found if clients.major >= at_least]
    if fitting:
        return min(fitting, key=lambda clients: clients.major)
    seen = ", ".join(f"{clients.version} in {clients.folder}" for clients in found) or "none"
    raise NoFittingProgram(
        f"PostgreSQL {at_least} needs a pg_dump, pg_restore and psql of version {at_least} or "
        f"newer; found: {seen}. Install postgresql-client-{at_least}, or set PG_BIN to the folder "
        "that has them."
    )


def _version(program: Path) -> str:
    """Empty for what does not run."""
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\) (\d+(?:\.\d+)?)", said.stdout)
    return found[1] if found else ""
