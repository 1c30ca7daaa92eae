"""The machine, or the container's share of it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from health_check.exceptions import ServiceWarning

from ops import machine
from ops.health.check import Check

FULL_PERCENT = 90


def folders_in_use() -> dict[str, Path]:
    """Where this process writes: uploads pass through the temporary folder."""
    folders = {"temporary": Path(tempfile.gettempdir()), "files": Path(settings.MEDIA_ROOT)}
    return {name: path for name, path in folders.items() if path.exists()}


@dataclass
class Disk(Check):
    """No file system that is written to is nearly full."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        shares = {name: machine.disk(path) for name, path in folders_in_use().items()}
        self.details["disk"] = {
            name: {"percent": share.percent, "free_bytes": share.free}
            for name, share in shares.items()
        }
        full = [name for name, share in shares.items() if share.percent >= FULL_PERCENT]
        if full:
            raise ServiceWarning(f"nearly full: {', '.join(full)}")


@dataclass
class Memory(Check):
    """The container, or the machine, has memory left."""

    needs_database: ClassVar[bool] = False

    def run(self) -> None:
        share = machine.memory()
        self.details["memory"] = {"percent": share.percent, "limit_bytes": share.limit}
        if share.percent >= FULL_PERCENT:
            raise ServiceWarning(f"{share.percent:.0f} % of the memory is in use")
