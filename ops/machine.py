"""What this process may take of its machine: memory by its control group, disk by its folders."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
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


def disk(path: Path) -> Share:
    """Of the file system that holds the path."""
    usage = shutil.disk_usage(path)
    return Share(used=usage.total - usage.free, limit=usage.total)


def _of_group(folder: Path, limit: str, used: str, cache: str) -> Share | None:
    """None without a group of this version, or one without a limit."""
    try:
        most = (folder / limit).read_text().strip()
        taken = int((folder / used).read_text())
        figures = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    if most == "max" or int(most) >= NO_LIMIT:
        return None
    return Share(used=max(taken - int(figures.get(cache, 0)), 0), limit=int(most))
