"""A container by crun, as Kubernetes' restricted profile runs one: the image's user, a root that
is read-only, no capability, no new privilege, a memory file system at /tmp. Only the network is
this machine's loopback."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.image.trial.report import TrialFailed

MOUNTS: tuple[dict[str, Any], ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {
        "destination": "/dev",
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "strictatime", "mode=755", "size=64k"],
    },
    {
        "destination": "/dev/shm",  # noqa: S108 within the container
        "type": "tmpfs",
        "source": "shm",
        "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=1m"],
    },
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro", "nosuid"]},
    {
        "destination": "/tmp",  # noqa: S108 within the container
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", "nodev", "mode=1777", "size=256m"],
    },
)


@dataclass(frozen=True)
class Image:
    root: Path
    config: dict[str, Any]

    @property
    def user(self) -> list[int]:
        return [int(part) for part in str(self.config["User"]).split(":")]


@dataclass
class Container:
    """`start`, then `stop` or `wait`. What it writes is in `log`."""

    image: Image
    name: str
    words: list[str]
    environment: dict[str, str]
    folder: Path
    binds: dict[Path, str] = field(default_factory=dict)
    entrypoint: list[str] | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> Container:
        bundle = self.folder / self.name
        bundle.mkdir(parents=True, exist_ok=True)
        path = bundle / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._specification()))
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [*self._crun(), "run", "--bundle", str(bundle), self.name],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        return self

    def wait(self, seconds: float = 600) -> int:
        """Its exit code, of which crun's is a copy."""
        if self.process is None:
            raise TrialFailed(f"{self.name} was not started.")
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._control("kill", self.name, "KILL")
            raise TrialFailed(
                f"{self.name} did not end within {seconds} s:\n{self.said()}"
            ) from None

    def run(self, seconds: float = 600) -> int:
        return self.start().wait(seconds)

    def stop(self, signal: str, seconds: float) -> tuple[int, float]:
        """A signal to its first process; the exit code, and the seconds until its end."""
        began = time.monotonic()
        self._control("kill", self.name, signal)
        return self.wait(seconds), time.monotonic() - began

    def execute(self, *command: str) -> tuple[int, str]:
        """A command beside it, as `docker exec` and a HEALTHCHECK run one."""
        path = self.folder / self.name / "exec.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self._process(list(command))))
        done = self._control("exec", "--process", str(path), self.name)
        return done.returncode, (done.stdout + done.stderr).strip()

    def kill(self) -> None:
        """With its first process, the kernel ends the others. Nothing, where it has ended."""
        if self.process is not None and self.process.poll() is None:
            self._control("kill", self.name, "KILL")
            self.process.wait(20)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def said(self, lines: int = 12) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _crun(self) -> list[str]:
        return ["crun", "--cgroup-manager=disabled", "--root", str(self.folder / "state")]

    def _control(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self._crun(), *words], capture_output=True, text=True)

    def _specification(self) -> dict[str, Any]:
        config = self.image.config
        binds = [
            {"destination": inside, "type": "bind", "source": str(path), "options": ["bind", "ro"]}
            for path, inside in self.binds.items()
        ]
        entrypoint = config["Entrypoint"] if self.entrypoint is None else self.entrypoint
        kinds = ("pid", "ipc", "uts", "mount")
        return {
            "ociVersion": "1.0.0",
            "process": self._process([*entrypoint, *self.words]),
            "root": {"path": str(self.image.root), "readonly": True},
            "hostname": self.name,
            "mounts": [*MOUNTS, *binds],
            "linux": {"namespaces": [{"type": kind} for kind in kinds]},
        }

    def _process(self, arguments: list[str]) -> dict[str, Any]:
        uid, gid = self.image.user
        given = [f"{name}={value}" for name, value in self.environment.items()]
        return {
            "terminal": False,
            "user": {"uid": uid, "gid": gid},
            "args": arguments,
            "env": [*self.image.config["Env"], *given],
            "cwd": self.image.config["WorkingDir"] or "/",
            "capabilities": {},
            "noNewPrivileges": True,
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 4096}],
        }
