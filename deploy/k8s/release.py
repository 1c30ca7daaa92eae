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
--undo takes back pods alone: those that the last release changed, whatever was restarted since.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import migration
import pin
import revisions
import smoke
from kubectl import HERE, Kubectl, KubectlFailed, KubectlMissing, namespace_of
from migration import Failed

# PgBouncer first: the web that comes after it may need its new settings.
DEPLOYMENTS = ("notevault-pgbouncer", "notevault-api", "notevault-worker")
# Mounted whole, so no manifest names its keys.
MOUNTED = {"notevault-pgbouncer": {"databases.ini", "users.txt"}}
COMPONENT = "app.kubernetes.io/component"
GROUND = f"{COMPONENT} in (namespace,ground)"
REST = f"{COMPONENT} notin (namespace,ground,migrate)"
ROLL_OUT_WITHIN_S = 900
LOOK_EVERY_S = 2.0
# As long as a first pod of the release before takes to be ready again.
STALE_WITHIN_S = 120


def step(text: str) -> None:
    print(f"== {text}", flush=True)


def demand_pinned(arguments: argparse.Namespace) -> pin.Pins:
    """What would be written. Raises pin.Refused."""
    pins = pin.changed(
        pin.read(arguments.overlay),
        api=arguments.image,
        pgbouncer=arguments.pgbouncer,
        version=arguments.version,
    )
    pins.demand_pinned()
    return pins


@contextmanager
def overlay_of(arguments: argparse.Namespace) -> Iterator[Path]:
    """The overlay, pinned; of a dry run, a copy of it. Raises pin.Refused."""
    with tempfile.TemporaryDirectory() as folder:
        root = HERE
        if arguments.dry_run:
            root = Path(folder) / "k8s"
            shutil.copytree(HERE, root)
        pins = demand_pinned(arguments)
        pin.write(arguments.overlay, pins, root=root)
        step(f"pinned {pins.version}: {pins.api}, {pins.pgbouncer}")
        yield root / "overlays" / arguments.overlay


def demand_secrets(kubectl: Kubectl, overlay: str) -> None:
    """Raises Failed, before anything is changed, for a key that a pod could not start without."""
    path = str(HERE / "overlays" / overlay)
    said = kubectl("apply", "--kustomize", path, "--dry-run=client", "--output", "json")
    missing = []
    for name, keys in sorted(secret_keys(json.loads(said)).items()):
        secret = kubectl.find("secret", name)
        there = (secret or {}).get("data") or {}
        missing += [f"{name}/{key}" for key in sorted(keys - there.keys())] if secret else [name]
    if missing:
        raise Failed(
            f"The namespace {kubectl.namespace} lacks {', '.join(missing)}: "
            "deploy/k8s/create_secrets.py makes them. Nothing was changed."
        )


def secret_keys(manifest: object) -> dict[str, set[str]]:
    """By Secret, the keys that its pods must have."""
    found = {name: set(keys) for name, keys in MOUNTED.items()}
    waiting = [manifest]
    while waiting:
        thing = waiting.pop()
        if isinstance(thing, list):
            waiting += thing
        elif isinstance(thing, dict):
            waiting += thing.values()
            reference = thing.get("secretKeyRef")
            if isinstance(reference, dict) and not reference.get("optional"):
                found.setdefault(reference["name"], set()).add(reference["key"])
    return found


def try_on_server(kubectl: Kubectl, overlay: Path) -> None:
    """What the API server and its admission refuse is refused here, before anything changes. The
    Job is left out: one of an earlier release cannot be changed, only replaced."""
    said = apply(kubectl, overlay, f"{COMPONENT}!=migrate", "--dry-run=server")
    print(said, end="", flush=True)


def apply(kubectl: Kubectl, overlay: Path, selector: str, *options: str) -> str:
    return kubectl("apply", "--kustomize", str(overlay), "--selector", selector, *options)


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
    demand_pinned(arguments)
    demand_secrets(kubectl, arguments.overlay)
    migration.demand_none_under_way(kubectl)
    with overlay_of(arguments) as overlay:
        step("try on the server")
        try_on_server(kubectl, overlay)
        if arguments.dry_run:
            step("dry run: nothing was changed")
            return
        step("ground")
        print(apply(kubectl, overlay, GROUND), end="", flush=True)
        step("migrate")
        migration.run(kubectl, overlay)
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
    """Each Deployment that the last release changed, PgBouncer too, as it was before it, with the
    configuration it had. The schema stays, and the overlay's pins are yours to set back
    (`git checkout`)."""
    kubectl = Kubectl(namespace_of(arguments.overlay), arguments.context)
    replica_sets = kubectl.items("replicasets")
    found = [kubectl.find("deployment", name) for name in DEPLOYMENTS]
    back = revisions.of_the_last_release(
        [revisions.before(each, replica_sets) for each in found if each]
    )
    if not back:
        raise Failed(
            "No earlier release is left to go back to: every revision runs the same but for "
            "restarts. Release the digest that you want. Nothing was changed."
        )
    dry_run = ["--dry-run=server"] if arguments.dry_run else []
    for each in back:
        step(f"{each.name}: back to revision {each.revision}")
        to = f"--to-revision={each.revision}"
        print(kubectl("rollout", "undo", f"deployment/{each.name}", to, *dry_run), end="")
    if arguments.dry_run:
        return
    for each in back:
        watch_undone(kubectl, each.name)
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
