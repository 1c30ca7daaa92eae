"""The programs of the guide's shell: what each of them becomes here.

A block sees no other program. One without a rule fails the block, so that nothing is skipped
because the checker did not know it.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

# They read, write and reckon on this machine, and reach no other.
PLAIN = (
    *("awk", "base64", "basename", "bash", "cat", "chmod", "column", "cp", "cut", "date", "diff"),
    *("dirname", "env", "false", "git", "grep", "head", "jq", "ls", "mkdir", "mktemp", "mv"),
    *("openssl", "rm", "sed", "seq", "sha256sum", "sh", "sleep", "sort", "tail", "tee", "tr"),
    *("true", "uniq", "wc", "xargs"),
)
NEEDED = ("curl", "jq", "openssl", "git")
DEBIAN = {"promtool": "prometheus", "amtool": "prometheus-alertmanager"}
# shim.py has a function for each.
SHIMS = ("amtool", "curl", "docker", "make", "promtool", "python")
CLIENTS = ("createdb", "createuser", "dropdb", "pg_dump", "pg_isready", "pg_restore", "psql")
# Its words and flags are checked by kubectl itself, against the cluster of `cluster/`.
KUBECTL = "kubectl"


class Missing(Exception):
    """A program of this machine that the checker needs; the message says how to get it."""


def install(folder: Path, *, kubectl: Path) -> None:
    """Fill `folder`, the whole of the shell's PATH."""
    folder.mkdir(parents=True)
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        raise Missing(
            f"{' and '.join(missing)} cannot be found. On Debian: apt-get install "
            f"{' '.join(missing)}"
        )
    for name in PLAIN:
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    for name in (*SHIMS, *CLIENTS):
        _write(folder / name, f"exec {shlex.quote(sys.executable)} -m deploy.guide.check.shim {name}")
    _write(
        folder / KUBECTL,
        """echo '{"kind": "offline", "program": "kubectl"}' >> "$GUIDE_STATE/calls"\n"""
        f"exec {shlex.quote(str(kubectl))}",
    )


def _write(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/bash\n{command} "$@"\n')
    path.chmod(0o755)
