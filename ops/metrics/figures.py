"""One file of figures, which is never written to where the disk may have no room.

prometheus_client makes files with holes, and a write into a hole of a full disk ends the process
by SIGBUS. Here a file has its room first. What gets none is not counted until there is some.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from prometheus_client.mmap_dict import MmapedDict

FIRST_BYTES = 1 << 16
# Of a figure, beside its name.
OVERHEAD_BYTES = 32

log = structlog.get_logger("notevault.metrics")

_told: set[str] = set()


class Figures:
    """In the place of prometheus_client's `MmapedDict`; its caller holds a lock."""

    def __init__(self, filename: str) -> None:
        self._path = Path(filename)
        self._file: MmapedDict | None = None

    def read_value(self, key: str) -> tuple[float, float]:
        file = self._with_room_for(key)
        return file.read_value(key) if file else (0.0, 0.0)

    def write_value(self, key: str, value: float, timestamp: float) -> None:
        if file := self._with_room_for(key):
            file.write_value(key, value, timestamp)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _with_room_for(self, key: str) -> MmapedDict | None:
        try:
            if self._file is None:
                _allocate(self._path)
                self._file = MmapedDict(str(self._path))
            if key not in self._file._positions:
                _grow(self._file, len(key.encode()) + OVERHEAD_BYTES)
        except OSError as error:
            self._tell(error)
            return None
        return self._file

    def _tell(self, error: OSError) -> None:
        """Once: it would be said of every request."""
        if str(self._path) not in _told:
            _told.add(str(self._path))
            log.warning("metrics.no_room", file=self._path.name, error=str(error))


def _allocate(path: Path) -> None:
    """The file is there afterwards, whole, or as it was. Raises OSError."""
    if path.exists():
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, max(path.stat().st_size, FIRST_BYTES))
        return
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, FIRST_BYTES)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _grow(file: MmapedDict, size: int) -> None:
    """As prometheus_client would then do it, in steps of the double. Raises OSError."""
    needed = capacity = file._capacity
    while file._used + size > needed:
        needed *= 2
    if needed > capacity:
        os.posix_fallocate(file._f.fileno(), 0, needed)
