"""The migration in the middle of the play, and the locks that wait while it runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg

from deploy.rollout.releases import Release
from deploy.watching import Watch

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
    """All of the release's migrations and the rehearsal's, beside whatever is served.

    Raises DemoFailed when nobody could look at the locks meanwhile.
    """
    own = {**environment, "DJANGO_SETTINGS_MODULE": SETTINGS, "PGAPPNAME": _NAME}
    with closing(psycopg.connect(database_url, autocommit=True)) as session:
        began, locks = time.monotonic(), _Locks(session)
        with Watch(locks.look, name="watch of the locks", every_s=LOOK_EVERY_S):
            release.manage("migrate", "--no-input", environment=own)
        return Migrated(time.monotonic() - began, locks.own_s, locks.other_s)


class _Locks:
    """Who was seen waiting for a lock, and how long at most."""

    def __init__(self, session: psycopg.Connection[Any]) -> None:
        self.own_s = self.other_s = 0.0
        self._session = session

    def look(self) -> None:
        for _, seconds, is_own in self._session.execute(_WAITING, {"migration": _NAME}):
            if is_own:
                self.own_s = max(self.own_s, seconds)
            else:
                self.other_s = max(self.other_s, seconds)
