"""Time in the sandbox: timestamps are real, waiting can be compressed."""

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """With `speed` 3600, an hour of waiting is over in one second.

    Timestamps stay on the real clock, because receivers refuse events from the future.
    """

    speed: float = 1.0

    def now(self) -> float:
        return time.time()

    def timestamp(self) -> int:
        return int(self.now())

    def lasting(self, seconds: float) -> float:
        """How many real seconds so many sandbox seconds take."""
        return seconds / self.speed
