"""The Job notevault-migrate: one at a time, and waited for with patience for the API server."""

from __future__ import annotations

import time
from pathlib import Path

from kubectl import Kubectl, KubectlFailed

JOB = "notevault-migrate"
SELECTOR = "app.kubernetes.io/component=migrate"
WITHIN_S = 3700
LOOK_EVERY_S = 2.0
# A busy API server, or a node of it that is replaced, answers again within this.
SILENT_WITHIN_S = 180.0
# A container that waits for one of these has run nothing, and does not begin by itself.
HOPELESS = {
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
}


class Failed(Exception):
    """The message says what holds now and what to do."""


def demand_none_under_way(kubectl: Kubectl) -> None:
    """Raises Failed. To end it from here could leave an index half built."""
    if kubectl.find("job", JOB) and not state(kubectl):
        raise Failed(
            f"A migration is under way in {kubectl.namespace}, of another release or of one that "
            f"was stopped. Wait for `kubectl -n {kubectl.namespace} get job/{JOB}`: it ends within "
            "an hour by itself. No pod was replaced."
        )


def run(kubectl: Kubectl, overlay: Path) -> None:
    """To its end. Raises Failed."""
    demand_none_under_way(kubectl)
    kubectl("delete", "job", JOB, "--ignore-not-found", "--wait")
    kubectl("apply", "--kustomize", str(overlay), "--selector", SELECTOR)
    ended = wait(kubectl)
    show_log(kubectl)
    if ended != "Complete":
        raise Failed(
            f"The migration did not end well ({ended}). No pod was replaced: the release before "
            f"serves on. Read `kubectl -n {kubectl.namespace} describe job/{JOB}`, cure it, and "
            "release again: what was applied is not applied twice."
        )


def wait(kubectl: Kubectl) -> str:
    """Complete, Failed or Late. Raises Failed where it cannot begin, and where the API server is
    silent for long."""
    deadline = time.monotonic() + WITHIN_S
    heard = time.monotonic()
    while time.monotonic() < deadline:
        try:
            if ended := state(kubectl):
                return ended
            demand_a_beginning(kubectl)
            heard = time.monotonic()
        except KubectlFailed as error:
            if time.monotonic() - heard > SILENT_WITHIN_S:
                raise Failed(
                    f"{error}\nThe migration goes on unseen, and no pod was replaced. Release "
                    "again when the API server answers and the Job has ended."
                ) from error
            print(f"Asked again: {error}", flush=True)
        time.sleep(LOOK_EVERY_S)
    return "Late"


def state(kubectl: Kubectl) -> str:
    """Complete, Failed, or nothing yet."""
    job = kubectl.find("job", JOB) or {}
    for condition in job.get("status", {}).get("conditions") or []:
        if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True":
            return str(condition["type"])
    return ""


def demand_a_beginning(kubectl: Kubectl) -> None:
    """Raises Failed for a pod that cannot start; its Job is taken away, or it would keep the next
    release waiting."""
    for pod in kubectl.items("pods", f"job-name={JOB}"):
        for container in pod.get("status", {}).get("containerStatuses") or []:
            waiting = container.get("state", {}).get("waiting") or {}
            if waiting.get("reason") in HOPELESS:
                kubectl("delete", "job", JOB, "--ignore-not-found", "--wait")
                raise Failed(
                    f"The migration cannot start ({waiting['reason']}): "
                    f"{waiting.get('message', 'no more is said')}. Its Job was taken away, and no "
                    "pod was replaced."
                )


def show_log(kubectl: Kubectl) -> None:
    """What the migration said, as far as its pod is still there."""
    try:
        print(kubectl("logs", f"job/{JOB}", "--tail=50"), end="", flush=True)
    except KubectlFailed as error:
        print(f"Its log cannot be read: {error}", flush=True)
