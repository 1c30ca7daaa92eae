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
SHIMS = ("amtool", "curl", "docker", "editor", "make", "promtool", "python")
CLIENTS = ("createdb", "createuser", "dropdb", "pg_dump", "pg_isready", "pg_restore", "psql")
# Its words and flags are checked by kubectl itself, against the cluster of `cluster/`.
KUBECTL = "kubectl"
# A forwarded port is the demo's own: the resource has to exist, the rest is the demo's answer.
KUBECTL_HERE = """#!/bin/bash
echo '{{"kind": "offline", "program": "kubectl"}}' >> "$GUIDE_STATE/calls"
forwards="" resource=""
for word in "$@"; do
    case "$word" in
    port-forward) forwards=yes ;;
    */*) resource=$word ;;
    esac
done
[ -n "$forwards" ] || exec {kubectl} "$@"
{kubectl} --namespace notevault get "$resource" --output name >/dev/null || exit 1
echo "Forwarding from 127.0.0.1:${{GUIDE_WEB#*:}} -> 5001"
exec sleep 600
"""


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
        _write(
            folder / name, f"exec {shlex.quote(sys.executable)} -m deploy.guide.check.shim {name}"
        )
    (folder / KUBECTL).write_text(KUBECTL_HERE.format(kubectl=shlex.quote(str(kubectl))))
    (folder / KUBECTL).chmod(0o755)


def _write(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/bash\n{command} "$@"\n')
    path.chmod(0o755)
