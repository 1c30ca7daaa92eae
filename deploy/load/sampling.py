"""What a run takes of the machine: memory and processor of each part, and connections."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psutil
import psycopg

from deploy.watching import Watch

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
    """A context that looks every second, over one connection of its own to the database.

    Raises DemoFailed at its end when it could not look.
    """

    database_url: str
    groups: Mapping[str, Group]
    connections: int = 0
    busy_connections: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Sampler:
        with ExitStack() as stack:
            self._database: psycopg.Connection[Any] = stack.enter_context(
                psycopg.connect(self.database_url, autocommit=True)
            )
            self.watch = stack.enter_context(Watch(self._look, name="sampler", every_s=EVERY_S))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _look(self) -> None:
        for group in self.groups.values():
            group.look()
        row = self._database.execute(_CONNECTIONS).fetchone()
        if row is not None:
            self.connections = max(self.connections, row[0])
            self.busy_connections = max(self.busy_connections, row[1])
