"""What this process may take of its machine, and for how long it has run on it."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
# A limit of the first version that means none.
NO_LIMIT = 1 << 60


@dataclass(frozen=True)
class Share:
    """Bytes of memory or disk."""

    used: int
    limit: int

    @property
    def percent(self) -> float:
        return round(100 * self.used / self.limit, 1) if self.limit else 0.0

    @property
    def free(self) -> int:
        return self.limit - self.used


def memory(cgroup: Path = CGROUP) -> Share:
    """Of the control group when it has a limit, as the kernel counts before it kills; else of
    the machine. The cache of files is not in it: the kernel takes that back."""
    limited = _of_group(cgroup, "memory.max", "memory.current", "inactive_file") or _of_group(
        cgroup / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
    )
    if limited:
        return limited
    machine = psutil.virtual_memory()
    return Share(used=machine.total - machine.available, limit=machine.total)


def uptime_s() -> float:
    """Of this process; of the web, its master."""
    return max(time.time() - started_at(), 1.0)


@cache
def started_at() -> float:
    """As a Unix time."""
    # The processes of one gunicorn share their metrics; any other has the variable taken away.
    is_forked = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    return float(psutil.Process(os.getppid() if is_forked else None).create_time())


def disk(path: Path) -> Share:
    """Of the file system that holds the path."""
    usage = shutil.disk_usage(path)
    return Share(used=usage.total - usage.free, limit=usage.total)


def memory_limit(cgroup: Path = CGROUP) -> int | None:
    """Of the control group; None where it has no limit."""
    older = cgroup / "memory" / "memory.limit_in_bytes"
    return _limit_in(cgroup / "memory.max") or _limit_in(older)


def _of_group(folder: Path, limit: str, used: str, files: str) -> Share | None:
    """None without a group of this version, or one without a limit."""
    most = _limit_in(folder / limit)
    if most is None:
        return None
    try:
        taken = int((folder / used).read_text())
        figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    return Share(used=max(taken - int(figures.get(files, 0)), 0), limit=most)


def _limit_in(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text != "max" and int(text) < NO_LIMIT else None
