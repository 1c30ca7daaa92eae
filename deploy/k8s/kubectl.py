"""kubectl as a child process: nothing secret on its command line, its own words in our refusals."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# An answer of the API server; waiting for a Job or a roll-out is bounded by its own option.
ANSWER_WITHIN_S = 120


class KubectlFailed(Exception):
    """The message is kubectl's own."""


class KubectlMissing(Exception):
    """There is no kubectl."""


def program() -> str:
    """KUBECTL, the one that `make k8s` installs, or the one on the PATH."""
    ours = ROOT / ".venv-deploy" / "bin" / "kubectl"
    found = os.environ.get("KUBECTL") or (str(ours) if ours.exists() else shutil.which("kubectl"))
    if not found:
        raise KubectlMissing("kubectl is missing: `make .venv-deploy/deploy`, or set KUBECTL.")
    return found


def namespace_of(overlay: str, *, root: Path = HERE) -> str:
    text = (root / "overlays" / overlay / "kustomization.yaml").read_text()
    found = re.search(r"^namespace: (\S+)$", text, re.MULTILINE)
    return found[1] if found else "default"


@dataclass(frozen=True)
class Kubectl:
    namespace: str
    context: str = ""

    def __call__(
        self, *arguments: str, stdin: str | None = None, within_s: float = ANSWER_WITHIN_S
    ) -> str:
        """Its standard output. Raises KubectlFailed."""
        try:
            done = subprocess.run(
                self.command(*arguments),
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                timeout=within_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise KubectlFailed(
                f"kubectl {arguments[0]} gave no answer in {within_s:g} s."
            ) from None
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or [f"kubectl {arguments[0]} failed."]
            raise KubectlFailed(last[0])
        return done.stdout

    def shown(self, *arguments: str, within_s: float) -> None:
        """Its output goes where ours goes. Raises KubectlFailed."""
        try:
            done = subprocess.run(self.command(*arguments), timeout=within_s, check=False)
        except subprocess.TimeoutExpired:
            raise KubectlFailed(f"kubectl {arguments[0]} took over {within_s:g} s.") from None
        if done.returncode:
            raise KubectlFailed(f"kubectl {' '.join(arguments[:3])} failed.")

    def command(self, *arguments: str) -> Sequence[str]:
        context = ["--context", self.context] if self.context else []
        return [program(), *context, "--namespace", self.namespace, *arguments]

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """None where there is no such object."""
        said = self("get", kind, name, "--ignore-not-found", "--output", "json")
        found: dict[str, Any] | None = json.loads(said) if said.strip() else None
        return found

    def items(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        found = json.loads(self("get", kind, "--selector", selector, "--output", "json"))
        listed: list[dict[str, Any]] = found["items"]
        return listed
