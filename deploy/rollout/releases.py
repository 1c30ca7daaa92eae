"""The trees of two releases, and their commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from notevault.demo.processes import DemoFailed

NAMED_IN = Path("deploy/previous-release")
COMMAND_WITHIN_S = 600
GIT_WITHIN_S = 60
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Release:
    """A tree whose commands run with the packages of this environment."""

    name: str
    tree: Path

    def manage(self, *arguments: str, environment: Mapping[str, str]) -> str:
        """What the command printed; DemoFailed with its last lines when it fails."""
        return self.run("manage.py", *arguments, environment=environment)

    def run(self, *arguments: str, environment: Mapping[str, str]) -> str:
        """`python <arguments>` in the tree, which is what its imports find."""
        try:
            done = subprocess.run(
                [sys.executable, *arguments],
                cwd=self.tree,
                env={**os.environ, **environment, "PYTHONPATH": str(self.tree)},
                capture_output=True,
                text=True,
                check=False,
                timeout=COMMAND_WITHIN_S,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(
                f"`{' '.join(arguments)}` of {self.name} took over {COMMAND_WITHIN_S} s."
            ) from error
        if done.returncode:
            tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise DemoFailed(
                f"`{' '.join(arguments)}` of {self.name} ended with {done.returncode}:\n{tail}"
            )
        return done.stdout

    def seed(self, *, environment: Mapping[str, str]) -> dict[str, Any]:
        """Fill its empty database; who and what is there, as seeding.py tells it."""
        script = Path(__file__).with_name("seeding.py")
        told = self.run("-P", str(script), environment=environment)
        body: dict[str, Any] = json.loads(told.splitlines()[-1])
        return body


def ours() -> Release:
    return Release("this release", settings.BASE_DIR)


def previous(home: Path) -> Release:
    """The tree of the commit that deploy/previous-release names, unpacked below `home`.

    DemoFailed when the file names none, or when this clone does not have it.
    """
    commit = named_commit(settings.BASE_DIR / NAMED_IN)
    tree = home / f"release-{commit[:12]}"
    if not tree.exists():
        _unpack(commit, tree)
    return Release(f"the previous release ({commit[:12]})", tree)


def named_commit(file: Path) -> str:
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise DemoFailed(f"{NAMED_IN} cannot be read: {error.strerror}.") from error
    words = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if len(words) != 1 or not _COMMIT.fullmatch(words[0]):
        raise DemoFailed(
            f"{NAMED_IN} must name the previous release by one whole commit id of 40 hex digits."
        )
    return words[0]


def _unpack(commit: str, tree: Path) -> None:
    """Whole, or not there."""
    archive = _archive(commit)
    part = tree.with_name(f"{tree.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    subprocess.run(["tar", "-x", "-C", str(part)], input=archive, check=True)  # noqa: S607
    part.rename(tree)


def _archive(commit: str) -> bytes:
    command = ["git", "-C", str(settings.BASE_DIR), "archive", "--format=tar", commit]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=GIT_WITHIN_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoFailed(f"git cannot unpack the previous release: {error}.") from error
    if done.returncode:
        raise DemoFailed(
            f"The previous release, {commit[:12]}, is not in this clone's history: "
            "`git fetch --unshallow` brings it."
        )
    return done.stdout
