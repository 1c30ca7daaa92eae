"""Named points between two beats, at which a simulator may have the process killed.

    crash.point("checkout.gateway_order_created")

costs one comparison. Only with CRASH_POINTS_DIR in the environment does it look for a file
of that name there; whoever removes the file dies by SIGKILL, so one file is one death.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

_FOLDER = os.environ.get("CRASH_POINTS_DIR", "")


def point(name: str) -> None:
    if _FOLDER:
        _die_if_armed(Path(_FOLDER) / name)


def _die_if_armed(order: Path) -> None:
    try:
        order.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
