"""What a container would run, run here: in the application's folder, on the scratch database."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS = 240
# The image's arguments (deploy/image/entrypoint.sh), and what it makes of them.
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


class Image:
    """The application as pods see it. A context: it keeps a process that has Django loaded."""

    def __init__(
        self,
        *,
        root: Path,
        environment: Mapping[str, str],
        for_restore: Mapping[str, str] | None = None,
    ) -> None:
        """`for_restore` is what differs in a Job that restores: its database is empty."""
        self.root = root
        self.environment = dict(environment)
        self.for_restore = dict(for_restore or {})
        self._warm: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Image:
        self._warm = subprocess.Popen(
            [sys.executable, "-m", "deploy.guide.check.cluster.warm"],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._warm is not None:
            self._warm.communicate()

    def execute(self, command: Sequence[str], *, stdin: str = "") -> Ran:
        """`kubectl exec … -- command`: the image has Python and nothing to look around with."""
        if not command or command[0] not in ("python", "python3"):
            return Ran(127, "", f"guide-check: only python is run in a pod, not {command[:1]}\n")
        if command[1:2] == ["manage.py"]:
            return self._manage(command[2:], stdin=stdin)
        return self._start([sys.executable, *command[1:]], self.environment, stdin)

    def start(self, arguments: Sequence[str]) -> Ran:
        """The container of a Job: its arguments are the image's."""
        if arguments[:1] == ["manage"]:
            return self._manage(arguments[1:])
        if arguments and arguments[0] in ARGUMENTS:
            return self._manage([*ARGUMENTS[arguments[0]], *arguments[1:]])
        return Ran(2, "", f"guide-check: the image knows no arguments {list(arguments)}\n")

    def _manage(self, arguments: Sequence[str], *, stdin: str = "") -> Ran:
        words = ["manage.py", *arguments]
        if self._warm is None or "restore" in arguments:
            environment = {**self.environment, **self.for_restore}
            return self._start(
                [sys.executable, *words, *self._newest(arguments)], environment, stdin
            )
        asked = {"arguments": words, "stdin": stdin, "seconds": SECONDS}
        with self._lock:
            given, answers = self._warm.stdin, self._warm.stdout
            if given is None or answers is None:
                raise RuntimeError("the process that runs manage.py has no pipes")
            given.write(json.dumps(asked) + "\n")
            given.flush()
            answer = answers.readline()
        if not answer:
            return Ran(1, "", "guide-check: the process that runs manage.py has ended\n")
        return Ran(**json.loads(answer))

    def _newest(self, arguments: Sequence[str]) -> list[str]:
        """The empty database has another name than the one that was backed up, so that a restore
        would not find its dump by name."""
        if "restore" not in arguments or "--from" in arguments:
            return []
        dumps = sorted(Path(self.environment["BACKUP_URL"]).glob("*.dump"))
        return ["--from", str(dumps[-1])] if dumps else []

    def _start(self, command: list[str], environment: Mapping[str, str], stdin: str) -> Ran:
        try:
            done = subprocess.run(
                command,
                cwd=self.root,
                env=environment,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ran(124, "", f"guide-check: it took over {SECONDS} s\n")
        return Ran(done.returncode, done.stdout, done.stderr)
