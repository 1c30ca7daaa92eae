"""Where the processes of one gunicorn leave their figures, so that any of them can tell all.

prometheus_client gives each process files of its own, named by its pid, and those of a dead
process stay for ever, for its counts have been counted. Here they are named by the place that
the process has in its gunicorn, and the next one in that place counts on: nothing is lost when
a process dies, and there are never more files than places.

`deploy/gunicorn.conf.py` calls this; other processes keep their figures in memory.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

_place = "master"


def share(*, port: str) -> None:
    """Let this process and those that it forks keep their figures in the folder of this port.

    To be called before the first instrument is made.
    """
    base = Path(os.environ.get(VARIABLE) or tempfile.gettempdir())
    # Whoever reads the settings first: of any other process they take the variable away.
    os.environ["NOTEVAULT_PROCESS"] = "web"
    os.environ[VARIABLE] = str(base / f"notevault-metrics-{os.getuid()}-{port}")
    from prometheus_client import values

    from ops.metrics.figures import Figures

    values.MmapedDict = Figures  # type: ignore[attr-defined,assignment]
    values.ValueClass = values.MultiProcessValue(lambda: _place)


def begin_anew() -> None:
    """Forget what an earlier gunicorn of this port has left. Nobody else may write there."""
    path = folder()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to somebody else: set {VARIABLE}.")
    path.chmod(0o700)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)


def folder() -> Path:
    return Path(os.environ[VARIABLE])


def are_shared() -> bool:
    return VARIABLE in os.environ


def free_place(taken: Iterable[str]) -> str:
    """The first place that no living process has."""
    used = set(taken)
    return next(name for name in map(str, range(len(used) + 1)) if name not in used)


def take_place(name: str) -> None:
    """From now on this process counts in the files of that place."""
    global _place
    _place = name


def leave_place(name: str) -> None:
    """Its process is dead: what it had under way is no more, what it has counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(name)
