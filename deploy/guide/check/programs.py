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
_ASKS = """#!/bin/bash
echo '{{"kind": "offline", "program": "kubectl"}}' >> "$GUIDE_STATE/calls"
"""
_ANSWERS = """
forwards="" resource=""
for word in "$@"; do
    case "$word" in
    port-forward) forwards=yes ;;
    */*) resource=$word ;;
    esac
done
if [ -z "$forwards" ]; then
    {kubectl} "$@"
    ended $? "$@"
fi
{kubectl} --namespace notevault get "$resource" --output name >/dev/null || ended $? "$@"
echo "Forwarding from 127.0.0.1:${{GUIDE_WEB#*:}} -> 5001"
exec sleep 600
"""
# What failed is noted, since a block may go on after it: `kubectl … | grep … || true`. The doctor's
# 1 is its finding.
_NOTED = """
ended() {{
    case "$1 $* " in
    0\\ * | 1\\ *" python manage.py doctor "*) exit "$1" ;;
    esac
    printf '{{"kind": "failed", "program": "kubectl", "why": "exit code %d"}}\\n' "$1" \\
        >> "$GUIDE_STATE/calls"
    exit "$1"
}}
"""
# Scripts of ours judge by themselves what kubectl answers.
_LEFT_TO_THE_SCRIPT = """
ended() {{ exit "$1"; }}
"""
KUBECTL_HERE = _ASKS + _NOTED + _ANSWERS
KUBECTL_OF_SCRIPTS = _ASKS + _LEFT_TO_THE_SCRIPT + _ANSWERS


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
    texts = {folder / KUBECTL: KUBECTL_HERE, of_scripts(folder): KUBECTL_OF_SCRIPTS}
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.format(kubectl=shlex.quote(str(kubectl))))
        path.chmod(0o755)


def of_scripts(folder: Path) -> Path:
    """The kubectl that a script of ours is given, beside the shell's PATH."""
    return folder.with_name(f"{folder.name}-of-scripts") / KUBECTL


def _write(path: Path, command: str) -> None:
    path.write_text(f'#!/bin/bash\n{command} "$@"\n')
    path.chmod(0o755)
