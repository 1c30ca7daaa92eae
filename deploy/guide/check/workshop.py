"""Where blocks are run: a folder like the repository's, the few programs, cluster and demo."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.guide.check import overlay, programs
from deploy.guide.check.cluster import controllers
from deploy.guide.check.cluster.pod import Image
from deploy.guide.check.cluster.server import Cluster
from deploy.guide.check.cluster.store import Store
from deploy.guide.check.scratch import CannotStart, Demo
from deploy.guide.check.shell import Shell

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
  - {{name: guide, cluster: {{server: "{server}"}}}}
users:
  - {{name: operator, user: {{}}}}
contexts:
  - {{name: guide, context: {{cluster: guide, user: operator}}}}
current-context: guide
"""
# Copied, so that what a block changes in a manifest stays here; the rest is only read.
COPIED = ("deploy", "requirements")
NOT_NEEDED = (".git", ".data", ".ci", ".env")
# A job that gave up, of a file that is not there; no job of the queue has its number.
BURY = """
from notevault.kit import clock
from ops.dead_letters import bury
bury(
    task="notes.tasks.remove_unused_file",
    kind="file",
    arguments={"file_id": "0198f0c2-17aa-7000-8000-000000000000"},
    error=OSError("the storage does not answer"),
    job_id=-1,
    attempts=5,
    request_id="",
    now=clock.now(),
)
"""


@dataclass
class Workshop:
    root: Path
    home: Path
    environment: dict[str, str]

    def shell(self, name: str) -> Shell:
        """A new one, as an operator opens it, in a folder of its own."""
        folder = self.home / name / "repository"
        _furnish(folder, self.root)
        kubeconfig = self.home / name / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(server=self.environment["GUIDE_CLUSTER"]))
        return Shell(
            state=self.home / name / "state",
            folder=folder,
            environment={**self.environment, "KUBECONFIG": str(kubeconfig)},
        )


@contextmanager
def opened(*, root: Path, data: Path, kubectl: Path) -> Iterator[Workshop]:
    """Raises CannotStart, NoOverlay or Missing where something of it cannot be had."""
    home = data / "guide"
    shutil.rmtree(home, ignore_errors=True)
    programs.install(home / "bin", kubectl=kubectl)
    objects = overlay.render(root, kubectl=kubectl)
    store = Store(controllers.everything(objects, namespace=overlay.namespace_of(objects)))
    with Demo(root=root, data=data) as demo:
        # psql is in the image, and may not be on this machine.
        path = f"{demo.postgres['GUIDE_PGBIN']}:{os.environ['PATH']}"
        image = Image(
            root=root,
            environment={**demo.environment, "PATH": path},
            for_restore={"DATABASE_URL": demo.empty_database_url},
        )
        with image, Cluster(store, image) as cluster:
            _prepare(image)
            yield Workshop(root, home, _environment(demo, cluster, home, root))


def _prepare(image: Image) -> None:
    """What some of the guide's commands need to find. Raises CannotStart."""
    for what, ran in (
        ("backup", image.start(["backup"])),  # that of last night
        ("dead letter", image.execute(["python", "manage.py", "shell", "-c", BURY])),
    ):
        if ran.code:
            raise CannotStart(f"No {what} can be made: {ran.errors}")


def _environment(demo: Demo, cluster: Cluster, home: Path, root: Path) -> dict[str, str]:
    operator = home / "operator"
    operator.mkdir()
    # What git runs in finds no repository: the folder is a copy.
    return {
        **demo.environment,
        **demo.postgres,
        "PATH": str(home / "bin"),
        "HOME": str(operator),
        "PYTHONPATH": str(root),
        "GIT_DIR": str(root / ".git"),
        "GUIDE_PATH": os.environ["PATH"],
        "GUIDE_ROOT": str(root),
        "GUIDE_WEB": f"127.0.0.1:{demo.web}",
        "GUIDE_SANDBOX": f"127.0.0.1:{demo.sandbox}",
        "GUIDE_METRICS_TOKEN": demo.token,
        "GUIDE_CLUSTER": cluster.url,
        "KUBECTL": str(programs.of_scripts(home / "bin")),
        "EDITOR": str(home / "bin" / "editor"),
    }


def _furnish(folder: Path, root: Path) -> None:
    folder.mkdir(parents=True)
    ignored = shutil.ignore_patterns("__pycache__", "check")
    for entry in root.iterdir():
        if entry.name in COPIED:
            shutil.copytree(entry, folder / entry.name, ignore=ignored, symlinks=True)
        elif entry.name not in NOT_NEEDED:
            (folder / entry.name).symlink_to(entry)
    _only_pretend(folder / "deploy" / "image" / "build.sh")


def _only_pretend(script: Path) -> None:
    """A build takes minutes and a registry: the script says what it would do."""
    if script.exists():
        real = script.with_name("build-in-earnest.sh")
        script.rename(real)
        script.write_text(
            """#!/bin/bash
echo '{"kind": "offline", "program": "build.sh"}' >> "$GUIDE_STATE/calls"
"""
            f'exec bash "{real}" --dry-run "$@"\n'
        )
        script.chmod(0o755)
