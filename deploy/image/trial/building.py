"""The image, built by build.sh from the Dockerfile, on a Debian that debootstrap has made."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.image.trial.report import TrialFailed

BASE = "docker.io/library/debian:bookworm-slim"
# The same bytes, for a machine that reaches only one of the two; the Dockerfile has their sha256.
SOURCES = (
    "https://ftp.postgresql.org/pub/source/v{0}/postgresql-{0}.tar.bz2",
    "http://deb.debian.org/debian/pool/main/p/postgresql-{1}/postgresql-{1}_{0}.orig.tar.bz2",
)
PIP_CA = "/run/secrets/pip-ca"


@dataclass
class Workshop:
    """Where images are made and kept: a second run takes from it what has not changed."""

    folder: Path
    storage: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.storage = [
            *("--root", str(self.folder / "storage")),
            *("--runroot", str(self.folder / "run")),
            *("--storage-driver", "overlay"),
        ]

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Two at a time would clear away each other's containers."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrialFailed(f"Another make image works in {self.folder}.") from None
            self.buildah("rm", "--all")  # of one that was killed
            yield

    def buildah(self, *words: str) -> str:
        command = ["buildah", *self.storage, *words]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise TrialFailed(f"buildah {words[0]}: {done.stderr.strip()}")
        return done.stdout.strip()

    def make_base(self) -> None:
        """Afterwards the local store has the base, as if it were pulled."""
        before = self._stamp()
        script("base.sh", str(self.folder))
        if self._stamp() == before and self.buildah(
            "images", "-q", "--filter", f"reference={BASE}"
        ):
            return
        empty = self.buildah("from", "scratch")
        self.buildah("add", "-q", empty, str(self.folder / "base.tar"), "/")
        self.buildah("config", "--cmd", "bash", empty)
        self.buildah("commit", "-q", "--rm", empty, BASE)

    def build(self, tag: str, target: str) -> None:
        source = os.environ.get("POSTGRES_URL") or find_source()
        os.environ["BUILDAH_OPTIONS"] = " ".join(self.storage)
        os.environ["BUILDAH_ISOLATION"] = "chroot"
        script(
            "build.sh",
            *("--builder", "buildah", "--base", BASE, "--tag", tag, "--target", target),
            *("--build-arg", f"POSTGRES_URL={source}", *self._pip_options()),
            log=self.folder / f"build-{target}.log",
        )

    @contextmanager
    def mounted(self, tag: str) -> Iterator[Path]:
        name = self.buildah("from", "--pull-never", tag)
        try:
            yield Path(self.buildah("mount", name))
        finally:
            self.buildah("rm", name)

    def config(self, tag: str) -> dict[str, Any]:
        found = json.loads(self.buildah("inspect", "--type", "image", tag))
        return dict(found["Docker"]["config"])

    def _stamp(self) -> float:
        path = self.folder / "base.tar"
        return path.stat().st_mtime if path.exists() else 0

    def _pip_options(self) -> list[str]:
        """This machine's way to the index, as secrets of the build."""
        lines, options = ["[global]"], []
        if index := os.environ.get("PIP_INDEX_URL"):
            lines.append(f"index-url = {index}")
        if certificate := os.environ.get("PIP_CERT"):
            lines.append(f"cert = {PIP_CA}")
            options += ["--pip-ca", certificate]
        path = self.folder / "pip.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join([*lines, ""]))
        return [*options, "--pip-conf", str(path)]


def script(name: str, *arguments: str, log: Path | None = None) -> None:
    """Run a script of this folder; to `log`, of which the last lines are shown if it fails."""
    command = [f"deploy/image/{name}", *arguments]
    if log is None:
        code = subprocess.run(command).returncode
    else:
        with log.open("wb") as out:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode
    if code != 0:
        last = log.read_text(errors="replace").splitlines()[-15:] if log else []
        raise TrialFailed("\n".join([*last, f"{name} failed (exit code {code})."]))


def find_source() -> str:
    """The first address of PostgreSQL's source that answers from here."""
    [version] = re.findall(r"^ARG POSTGRES_VERSION=(\S+)$", Path("Dockerfile").read_text(), re.M)
    for pattern in SOURCES:
        url = pattern.format(version, version.partition(".")[0])
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 our own two
        try:
            with urllib.request.urlopen(request, timeout=20):  # noqa: S310
                return url
        except (urllib.error.URLError, OSError):
            continue
    raise TrialFailed(f"No source of PostgreSQL {version} is reached. Set POSTGRES_URL to one.")
