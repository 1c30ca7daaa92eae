"""Make or renew the Secrets of an overlay from a .env, safely.

    .venv/bin/python deploy/k8s/create_secrets.py production --env-file .env.production

What is missing, a placeholder or published in .env.example is refused, by the production
settings themselves, before the cluster is asked. Values go to kubectl by its standard input, and
are never shown. A secret that changes is rotated: what the cluster has becomes `…-previous`, so
that pods with the new value accept what the old one signed. The other way round nothing holds:
a pod that has not started anew does not know the new value (the guide's 5.5 has the order). What
the file does not have stays as it is.

DATABASE_URL is PostgreSQL's own; the web's, through PgBouncer, is made from it.
"""

from __future__ import annotations

import argparse
import base64
import json
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import secret_values
from kubectl import HERE, Kubectl, KubectlFailed, KubectlMissing, namespace_of
from pin import OVERLAYS
from secret_values import Refused

SERVICE, PGBOUNCER, BACKUP = "notevault-secrets", "notevault-pgbouncer", "notevault-backup"
# Who reads which, and only when it starts. A backup's pod starts with each backup.
READERS = {
    PGBOUNCER: ("deployment/notevault-pgbouncer",),
    SERVICE: ("deployment/notevault-api", "deployment/notevault-worker"),
}


def wanted(given: Mapping[str, str], *, scram: str) -> dict[str, dict[str, str]]:
    """The Secrets by name, each with its keys."""
    url = given["DATABASE_URL"]
    found = {
        SERVICE: secret_values.service_keys(given),
        PGBOUNCER: secret_values.pgbouncer_keys(url, scram=scram),
    }
    bucket = {n: v for n, v in given.items() if n.startswith(secret_values.OF_BACKUPS)}
    return {**found, BACKUP: bucket} if bucket else found


def current_keys(found: Mapping[str, Any] | None) -> dict[str, str]:
    data = (found or {}).get("data") or {}
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def manifest(name: str, keys: Mapping[str, str], found: Mapping[str, Any] | None) -> str:
    """With the version that was read: if somebody has changed it since, kubectl refuses."""
    version = {"resourceVersion": found["metadata"]["resourceVersion"]} if found else {}
    labels = {"app.kubernetes.io/part-of": "notevault"}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "labels": labels, **version},
            "stringData": dict(keys),
        }
    )


def differences(keys: Mapping[str, str], current: Mapping[str, str]) -> str:
    """Names alone."""
    new = sorted(keys.keys() - current.keys())
    gone = sorted(current.keys() - keys.keys())
    other = sorted(key for key in keys.keys() & current.keys() if keys[key] != current[key])
    parts = (("new", new), ("changed", other), ("dropped", gone))
    told = [f"{word}: {', '.join(names)}" for word, names in parts if names]
    return "; ".join(told) or "nothing changes"


def put(
    kubectl: Kubectl, name: str, keys: Mapping[str, str], *, drop: Sequence[str], dry_run: bool
) -> bool:
    """True when it was, or would be, changed."""
    found = kubectl.find("secret", name)
    current = current_keys(found)
    if name == SERVICE:
        merged, moved = secret_values.with_previous(keys, current=current)
    else:
        merged, moved = {**current, **keys}, []
    merged = {key: value for key, value in merged.items() if key not in drop}
    print(f"{name}: {differences(merged, current)}")
    for key in moved:
        print(f"  what {key} was is {key}-previous now")
    if merged == current:
        return False
    if not dry_run:
        verb = "replace" if found else "create"
        kubectl(verb, "--filename", "-", stdin=manifest(name, merged, found))
    return True


def demand_droppable(drop: Sequence[str], given: Mapping[str, str]) -> None:
    for key in drop:
        if key == "invoice-secret-previous":
            raise Refused("invoice-secret-previous stays: invoices are verified for years.")
        if key in secret_values.service_keys(given):
            raise Refused(f"{key} is in the file: take it out before it is dropped.")


def ensure_namespace(kubectl: Kubectl, overlay: str, *, dry_run: bool) -> bool:
    """True when there is one now, with the labels that keep unrestricted pods out."""
    if kubectl.find("namespace", kubectl.namespace):
        return True
    if not dry_run:
        only = ("--selector", "app.kubernetes.io/component=namespace")
        kubectl("apply", "--kustomize", str(HERE / "overlays" / overlay), *only)
    print(f"namespace {kubectl.namespace}: new")
    return not dry_run


def warn_of_readers(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        print(f"Others can read {path}: chmod 600 {path}", file=sys.stderr)


def create(arguments: argparse.Namespace) -> None:
    path: Path = arguments.env_file
    if not path.is_file():
        raise Refused(f"There is no file {path}.")
    warn_of_readers(path)
    given = secret_values.read(path)
    config = secret_values.config_of(arguments.overlay)
    secret_values.demand_production(given, config=config)
    scram = arguments.scram_file.read_text().strip() if arguments.scram_file else ""
    secrets = wanted(given, scram=scram)
    demand_droppable(arguments.drop, given)
    kubectl = Kubectl(namespace_of(arguments.overlay), arguments.context)
    if not ensure_namespace(kubectl, arguments.overlay, dry_run=arguments.dry_run):
        for name, keys in secrets.items():
            print(f"{name}: new: {', '.join(sorted(keys))}")
        return
    changed: list[str] = []
    try:
        for name, keys in secrets.items():
            if put(kubectl, name, keys, drop=arguments.drop, dry_run=arguments.dry_run):
                changed.append(name)
    finally:
        # Also where a later one failed: the next run finds the earlier ones unchanged.
        if not arguments.dry_run and (restart := restart_of(changed, namespace=kubectl.namespace)):
            print(f"Pods read them when they start: {restart}")
    if arguments.dry_run:
        print("Dry run: nothing was changed.")


def restart_of(changed: Sequence[str], *, namespace: str) -> str:
    """The command that lets pods read what was changed; nothing where none has to."""
    readers = [reader for name, found in READERS.items() if name in changed for reader in found]
    return f"kubectl -n {namespace} rollout restart {' '.join(readers)}" if readers else ""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("overlay", choices=OVERLAYS)
    made.add_argument("--env-file", type=Path, required=True, help="Never in git.")
    made.add_argument(
        "--scram-file",
        type=Path,
        help="Holds the role's pg_authid.rolpassword (SCRAM-SHA-256$…), which PgBouncer is then "
        "given instead of the password.",
    )
    made.add_argument(
        "--drop", action="append", default=[], metavar="KEY", help="Remove it; may be repeated."
    )
    made.add_argument("--context", default="", help="Of kubectl's configuration.")
    made.add_argument("--dry-run", action="store_true", help="Say what would change.")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        create(parser().parse_args(arguments))
    except (Refused, KubectlFailed, KubectlMissing, OSError) as refusal:
        print(refusal, file=sys.stderr)
        return 2 if isinstance(refusal, Refused) else 1
    except ModuleNotFoundError as error:
        print(f"{error}. Run it with .venv/bin/python (`make install`).", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
