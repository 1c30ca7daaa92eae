"""The migration in the middle of the play, and the locks that wait while it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import psycopg

from deploy.rollout.releases import Release

SETTINGS = "deploy.rollout.settings"
LOOK_EVERY_S = 0.05

# Of everybody who waits: how long, and whether it is the migration itself or one behind it.
_WAITING = """
SELECT l.pid, extract(epoch FROM clock_timestamp() - l.waitstart)::float,
       bool_or(a.application_name = %(migration)s)
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND l.waitstart IS NOT NULL AND a.datname = current_database()
GROUP BY 1, 2
"""
_NAME = "rollout-migration"


@dataclass(frozen=True)
class Migrated:
    """In seconds: the whole command, and the longest that it, and anybody else, was seen
    waiting for a lock."""

    seconds: float
    longest_own_wait_s: float
    longest_other_wait_s: float


def migrate(release: Release, *, environment: Mapping[str, str], database_url: str) -> Migrated:
    """All of the release's migrations and the rehearsal's, beside whatever is served."""
    own = {**environment, "DJANGO_SETTINGS_MODULE": SETTINGS, "PGAPPNAME": _NAME}
    began = time.monotonic()
    with _LockWatch(database_url) as watch:
        release.manage("migrate", "--no-input", environment=own)
    return Migrated(time.monotonic() - began, watch.own_s, watch.other_s)


class _LockWatch:
    """A context that looks twenty times a second who waits for a lock, and how long."""

    def __init__(self, database_url: str) -> None:
        self.own_s = self.other_s = 0.0
        self._url = database_url
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="locks", daemon=True)

    def __enter__(self) -> _LockWatch:
        self._connection = psycopg.connect(self._url, autocommit=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ends.set()
        self._thread.join()
        self._connection.close()

    def _watch(self) -> None:
        while not self._ends.wait(LOOK_EVERY_S):
            for _, seconds, is_own in self._connection.execute(_WAITING, {"migration": _NAME}):
                if is_own:
                    self.own_s = max(self.own_s, seconds)
                else:
                    self.other_s = max(self.other_s, seconds)
