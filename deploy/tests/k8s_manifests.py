"""The overlays as kubectl renders them, for the tests beside this file."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

import kubectl
import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
OVERLAYS = ("production", "staging", "local")
POD_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}

Object = dict[str, Any]


class Manifests:
    def __init__(self, overlay: str, objects: list[Object]) -> None:
        self.overlay = overlay
        self.objects = objects

    def of(self, *kinds: str) -> list[Object]:
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, name: str) -> Object:
        [found] = [each for each in self.of(kind) if each["metadata"]["name"] == name]
        return found

    def workloads(self) -> list[Object]:
        return self.of(*POD_TEMPLATES)

    def config(self, name: str = "notevault-config") -> dict[str, str]:
        """Of the ConfigMap whose name has a hash behind this one."""
        [found] = [m for m in self.of("ConfigMap") if m["metadata"]["name"].startswith(f"{name}-")]
        return found["data"]


@functools.cache
def rendered(overlay: str) -> Manifests:
    text = subprocess.run(
        [kubectl.program(), "kustomize", str(K8S / "overlays" / overlay)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return Manifests(overlay, list(yaml.safe_load_all(text)))


def pod_of(workload: Object) -> Object:
    """The template of its pods."""
    found = workload
    for step in POD_TEMPLATES[workload["kind"]]:
        found = found[step]
    return found


def container_of(workload: Object) -> Object:
    [found] = pod_of(workload)["spec"]["containers"]
    return found


def name_of(thing: Object) -> str:
    return thing["metadata"]["name"]


def ini(text: str) -> dict[str, str]:
    """PgBouncer's settings; comments and sections are left out."""
    lines = [line.partition("=") for line in text.splitlines() if not line.startswith((";", "%"))]
    return {name.strip(): value.strip() for name, equals, value in lines if equals}
