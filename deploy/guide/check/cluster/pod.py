"""What a container would run, run here: in the application's folder, on the scratch database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 100
# The image's arguments (deploy/image/), and what its entrypoint makes of them.
ARGUMENTS = {
    "migrate": ["migrate", "--no-input"],
    "backup": ["backup"],
    "backup-verify": ["backup_verify"],
    "reconcile": ["reconcile"],
    "verify-ledger": ["verify_ledger"],
}


@dataclass(frozen=True)
class Ran:
    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Image:
    """The application as pods see it."""

    root: Path
    environment: Mapping[str, str]
    for_restore: Mapping[str, str] = field(default_factory=dict)
    """What differs in a Job that restores: it works on a database that is empty."""

    def execute(self, command: Sequence[str], *, stdin: str = "") -> Ran:
        """`kubectl exec … -- command`: the image has Python and nothing to look around with."""
        if not command or command[0] not in ("python", "python3"):
            return Ran(127, "", f"guide-check: only python is run in a pod, not {command[:1]}\n")
        return self._run(command[1:], stdin=stdin)

    def start(self, arguments: Sequence[str]) -> Ran:
        """The container of a Job: its arguments are the image's."""
        if arguments[:1] == ["manage"]:
            return self._manage(arguments[1:])
        if arguments and arguments[0] in ARGUMENTS:
            return self._manage([*ARGUMENTS[arguments[0]], *arguments[1:]])
        return Ran(2, "", f"guide-check: the image knows no arguments {list(arguments)}\n")

    def _manage(self, arguments: Sequence[str]) -> Ran:
        return self._run(["manage.py", *arguments])

    def _run(self, arguments: Sequence[str], *, stdin: str = "") -> Ran:
        extra = self.for_restore if "restore" in arguments else {}
        try:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=self.root,
                env={**self.environment, **extra},
                input=stdin,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(124, "", f"guide-check: it took over {SECONDS} s\n")
        return Ran(done.returncode, done.stdout, done.stderr)
