"""What a run takes of the machine: memory and processor of each part, and connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psutil
import psycopg

EVERY_S = 1.0
MB = 1_000_000
# All but the sampler itself.
_CONNECTIONS = """
SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass
class Group:
    """A process and all that it has started. Memory is what these processes would free if
    they ended: a page that three of them share counts once (PSS)."""

    pid: int
    peak_mb: float = 0.0
    end_mb: float = 0.0
    cpu_s: float = 0.0
    processes: int = 0
    _before_s: float = 0.0

    def __post_init__(self) -> None:
        self._before_s = cpu_s(self.pid)

    def look(self) -> None:
        family = _family(self.pid)
        self.end_mb = sum(map(_pss, family)) / MB
        self.peak_mb = max(self.peak_mb, self.end_mb)
        self.processes = max(self.processes, len(family))
        self.cpu_s = max(self.cpu_s, cpu_s(self.pid) - self._before_s)


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _pss(process: psutil.Process) -> int:
    """Where the system has no PSS, the memory that no other process has."""
    try:
        memory = process.memory_full_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(getattr(memory, "pss", 0) or memory.uss)


def cpu_s(pid: int) -> float:
    """Of a process and its descendants, those that have ended included."""
    total = 0.0
    for process in _family(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


@dataclass
class Sampler:
    """A context that looks every second, over one connection of its own to the database."""

    database_url: str
    groups: Mapping[str, Group]
    seconds: float = 0.0
    connections: int = 0
    busy_connections: int = 0
    looks: int = 0
    on_look: Callable[[], None] = lambda: None
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Sampler:
        self._database: psycopg.Connection[Any] = psycopg.connect(
            self.database_url, autocommit=True
        )
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._database.close()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stop.wait(EVERY_S)
            self._look()

    def _look(self) -> None:
        for group in self.groups.values():
            group.look()
        row = self._database.execute(_CONNECTIONS).fetchone()
        if row is not None:
            self.connections = max(self.connections, row[0])
            self.busy_connections = max(self.busy_connections, row[1])
        self.seconds = time.monotonic() - self._begun
        self.looks += 1
        self.on_look()
