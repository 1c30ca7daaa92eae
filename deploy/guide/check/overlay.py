"""The production overlay as kubectl renders it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import yaml

OVERLAY = Path("deploy/k8s/overlays/production")


class NoOverlay(Exception):
    """kubectl does not render it; the message is kubectl's."""


def render(root: Path, *, kubectl: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(kubectl), "kustomize", str(OVERLAY)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NoOverlay(f"{OVERLAY} cannot be rendered: {done.stderr.strip()}")
    return [part for part in yaml.safe_load_all(done.stdout) if part]


def namespace_of(objects: list[dict[str, Any]]) -> str:
    return next(str(thing["metadata"]["name"]) for thing in objects if thing["kind"] == "Namespace")
