"""A corner of this machine that vanishes with the trial: its mounts, and every process in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from deploy.image.trial.report import TrialFailed

MARK = "NOTEVAULT_IMAGE_TRIAL"
PROGRAMS = ("buildah", "crun", "debootstrap", "unshare")


def demand_programs() -> None:
    if os.geteuid() != 0:
        raise TrialFailed("make image needs root: it makes root file systems and runs containers.")
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise TrialFailed(
            f"Missing: {', '.join(missing)}. On Debian: apt-get install --no-install-recommends "
            "buildah crun debootstrap util-linux"
        )


def enter(arguments: list[str]) -> None:
    """Start anew in namespaces of our own, once. When the first process there ends, however it
    does, the kernel ends the others."""
    if os.environ.get(MARK) == "inside":
        # crun knows one version of cgroups at a time, and a machine may mount both.
        _run("umount", "--recursive", "/sys/fs/cgroup")
        _run("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
        return
    os.environ[MARK] = "inside"
    private = ("--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
    again = (sys.executable, "-m", "deploy.image.trial", *arguments)
    os.execvp("unshare", ["unshare", *private, *again])  # noqa: S606 S607 our own words


def _run(*command: str) -> None:
    subprocess.run(command, check=False, capture_output=True)
