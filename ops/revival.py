"""How a dead letter is replayed without anybody's doing, for work whose receiver comes back."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Revival:
    """Pauses of `first`, then as long again as the letter has lain, at most `longest`; each
    cut by up to a half, so that letters do not come back together.

    The last try is at `until` after the letter was buried; then it is left to a person.
    """

    first: timedelta
    longest: timedelta
    until: timedelta

    def next_at(self, *, buried_at: datetime, now: datetime) -> datetime | None:
        end = buried_at + self.until
        if now >= end:
            return None
        pause = min(self.longest, max(self.first, now - buried_at))
        return min(end, now + pause * random.uniform(0.5, 1))  # noqa: S311 spreads load
