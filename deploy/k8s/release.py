"""One release: pin, try it on the server, migrate, roll out, look.

    python deploy/k8s/release.py production --image sha256:… --version v1.0.0
    python deploy/k8s/release.py production --undo

In this order, and it stops at the first that fails:
  pin         the digests and the version, into the overlay (--image, --pgbouncer, --version)
  try         `kubectl apply --dry-run=server` of the whole overlay
  ground      namespace, accounts, network policies, configuration
  migrate     the Job notevault-migrate, from the new image, to its end
  roll out    the rest; no pod of the old release goes before one of the new is ready
  look        /health/live, /health/ready and /metrics of the service

Migrations only expand (the guide's rules), so the release before works on their schema, and
--undo takes back pods alone.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pin
import smoke
from kubectl import HERE, Kubectl, KubectlFailed, KubectlMissing, namespace_of

JOB = "notevault-migrate"
# PgBouncer first: the web that comes after it may need its new settings.
DEPLOYMENTS = ("notevault-pgbouncer", "notevault-api", "notevault-worker")
SECRETS = ("notevault-secrets", "notevault-pgbouncer")
COMPONENT = "app.kubernetes.io/component"
GROUND = f"{COMPONENT} in (namespace,ground)"
MIGRATION = f"{COMPONENT}=migrate"
REST = f"{COMPONENT} notin (namespace,ground,migrate)"
MIGRATE_WITHIN_S = 3700
ROLL_OUT_WITHIN_S = 900
LOOK_EVERY_S = 2.0
# As long as a first pod of the release before takes to be ready again.
STALE_WITHIN_S = 120


class Failed(Exception):
    """The message says what holds now and what to do."""


def step(text: str) -> None:
    print(f"== {text}", flush=True)


@contextmanager
def overlay_of(arguments: argparse.Namespace) -> Iterator[Path]:
    """The overlay, pinned; of a dry run, a copy of it. Raises pin.Refused."""
    with tempfile.TemporaryDirectory() as folder:
        root = HERE
        if arguments.dry_run:
            root = Path(folder) / "k8s"
            shutil.copytree(HERE, root)
        pins = pin.changed(
            pin.read(arguments.overlay),
            api=arguments.image,
            pgbouncer=arguments.pgbouncer,
            version=arguments.version,
        )
        pins.demand_pinned()
        pin.write(arguments.overlay, pins, root=root)
        step(f"pinned {pins.version}: {pins.api}, {pins.pgbouncer}")
        yield root / "overlays" / arguments.overlay


def demand_secrets(kubectl: Kubectl) -> None:
    missing = [name for name in SECRETS if not kubectl.find("secret", name)]
    if missing:
        raise Failed(
            f"The namespace {kubectl.namespace} lacks {', '.join(missing)}: "
            "deploy/k8s/create_secrets.py makes them. Nothing was changed."
        )


def try_on_server(kubectl: Kubectl, overlay: Path) -> None:
    """What the API server and its admission refuse is refused here, before anything changes. The
    Job is left out: one of an earlier release cannot be changed, only replaced."""
    said = apply(kubectl, overlay, f"{COMPONENT}!=migrate", "--dry-run=server")
    print(said, end="", flush=True)


def apply(kubectl: Kubectl, overlay: Path, selector: str, *options: str) -> str:
    return kubectl("apply", "--kustomize", str(overlay), "--selector", selector, *options)


def migrate(kubectl: Kubectl, overlay: Path) -> None:
    kubectl("delete", "job", JOB, "--ignore-not-found", "--wait")
    apply(kubectl, overlay, MIGRATION)
    deadline = time.monotonic() + MIGRATE_WITHIN_S
    while (state := _state_of_job(kubectl)) == "":
        if time.monotonic() > deadline:
            state = "Late"
            break
        time.sleep(LOOK_EVERY_S)
    show_log(kubectl)
    if state != "Complete":
        raise Failed(
            f"The migration did not end well ({state}). No pod was replaced: the release before "
            f"serves on. Read `kubectl -n {kubectl.namespace} describe job/{JOB}`, cure it, and "
            "release again: what was applied is not applied twice."
        )


def show_log(kubectl: Kubectl) -> None:
    """What the migration said, as far as its pod is still there."""
    try:
        print(kubectl("logs", f"job/{JOB}", "--tail=50"), end="", flush=True)
    except KubectlFailed as error:
        print(f"Its log cannot be read: {error}", flush=True)


def _state_of_job(kubectl: Kubectl) -> str:
    """Complete, Failed, or nothing yet."""
    job = kubectl.find("job", JOB) or {}
    for condition in job.get("status", {}).get("conditions") or []:
        if condition["type"] in {"Complete", "Failed"} and condition["status"] == "True":
            return str(condition["type"])
    return ""


def roll_out(kubectl: Kubectl, overlay: Path) -> None:
    print(apply(kubectl, overlay, REST), end="", flush=True)
    for name in DEPLOYMENTS:
        watch(kubectl, name)


def watch(kubectl: Kubectl, name: str) -> None:
    """Until the roll-out of a Deployment has ended. Raises KubectlFailed."""
    kubectl.shown(
        *("rollout", "status", f"deployment/{name}", f"--timeout={ROLL_OUT_WITHIN_S}s"),
        within_s=ROLL_OUT_WITHIN_S + 60,
    )


def watch_undone(kubectl: Kubectl, name: str) -> None:
    """As watch(), but patient: after a roll-out that came to nothing, the Deployment goes on
    saying so until a first pod is ready again, and `rollout status` believes it."""
    deadline = time.monotonic() + STALE_WITHIN_S
    while True:
        try:
            return watch(kubectl, name)
        except KubectlFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY_S)


def release(arguments: argparse.Namespace) -> None:
    kubectl = Kubectl(namespace_of(arguments.overlay), arguments.context)
    with overlay_of(arguments) as overlay:
        demand_secrets(kubectl)
        step("try on the server")
        try_on_server(kubectl, overlay)
        if arguments.dry_run:
            step("dry run: nothing was changed")
            return
        step("ground")
        print(apply(kubectl, overlay, GROUND), end="", flush=True)
        step("migrate")
        migrate(kubectl, overlay)
        try:
            step("roll out")
            roll_out(kubectl, overlay)
            step("look")
            smoke.look(kubectl, host=smoke.host_of(arguments.overlay))
        except (KubectlFailed, smoke.NotAsItShould) as error:
            raise Failed(
                f"{error}\nPods of the release before serve as long as new ones are not ready. "
                f"To take it back:\n    python deploy/k8s/release.py {arguments.overlay} --undo"
            ) from error
    step(f"released; commit {pin.path_of(arguments.overlay).relative_to(HERE.parents[1])}")


def undo(arguments: argparse.Namespace) -> None:
    """Each Deployment as it was one revision ago, with the configuration it had. The schema
    stays, and the overlay's pins are yours to set back (`git checkout`)."""
    kubectl = Kubectl(namespace_of(arguments.overlay), arguments.context)
    names = [name for name in DEPLOYMENTS if name != "notevault-pgbouncer"]
    dry_run = ["--dry-run=server"] if arguments.dry_run else []
    for name in names:
        print(kubectl("rollout", "undo", f"deployment/{name}", *dry_run), end="", flush=True)
    if arguments.dry_run:
        return
    for name in names:
        watch_undone(kubectl, name)
    smoke.look(kubectl, host=smoke.host_of(arguments.overlay))
    step("undone; set the overlay's images back too, or the next release brings them again")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    pin.add_arguments(made)
    made.add_argument("--context", default="", help="Of kubectl's configuration.")
    made.add_argument("--undo", action="store_true", help="Back to the release before.")
    made.add_argument(
        "--dry-run", action="store_true", help="Pin a copy, try it on the server, change nothing."
    )
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    try:
        (undo if given.undo else release)(given)
    except pin.Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped; the cluster goes on with what was applied.", file=sys.stderr)
        return 130
    except (Failed, KubectlFailed, KubectlMissing, smoke.NotAsItShould, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
