"""Render every overlay, and have it judged: `make k8s`.

    .venv/bin/python deploy/k8s/check.py

kubernetes-validate --strict against the oldest Kubernetes that the manifests are for and the
newest it knows; checkov on manifests and Dockerfile; hadolint; shellcheck; and whether the
PrometheusRule is what is tested. One line of figures for each overlay at the end.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import embed_rules
from kubectl import HERE, ROOT, program
from pin import OVERLAYS

TOOLS = ROOT / ".venv-deploy" / "bin"
DOCKERFILE = ROOT / "Dockerfile"
VERSIONS = ("1.31", "1.37")
# Resources of operators, whose schemas the tool does not have; deploy/tests/test_k8s_structure.py
# looks at what we say in them.
WITHOUT_SCHEMA = {
    "Policy": "F5's NGINX Ingress Controller",
    "PodMonitor": "the Prometheus operator",
    "PrometheusRule": "the Prometheus operator",
    "ServiceMonitor": "the Prometheus operator",
}
SCRIPTS = ("*.sh",)


class Bad(Exception):
    """The message is what the tool found."""


def run(*command: str | Path) -> str:
    """Standard output. Raises Bad with both outputs."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=ROOT, check=False
    )
    if done.returncode:
        raise Bad(f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()}")
    return done.stdout


def render(folder: Path) -> dict[str, int]:
    """Each overlay as a file of the folder, and how many objects it has."""
    counts = {}
    for overlay in OVERLAYS:
        text = run(program(), "kustomize", HERE / "overlays" / overlay)
        (folder / f"{overlay}.yaml").write_text(text)
        counts[overlay] = text.count("\nkind: ")
    return counts


def validate(folder: Path) -> dict[str, int]:
    """How many objects of each overlay no schema is known of. Raises Bad for a fault, and for a
    kind without a schema that is not named above."""
    unseen: Counter[str] = Counter()
    for version in VERSIONS:
        unseen.clear()
        for line in _validated(sorted(folder.glob("*.yaml")), version):
            if found := re.search(r"(\w+)\.yaml Couldn't find schema for kind (\w+)", line):
                overlay, kind = found.groups()
                unseen[overlay] += 1
                if kind not in WITHOUT_SCHEMA:
                    raise Bad(f"{overlay}: no schema of {kind} for Kubernetes {version}")
    return unseen


def _validated(paths: Sequence[Path], version: str) -> list[str]:
    command = [TOOLS / "kubernetes-validate", "--strict", "-k", version, *paths]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    lines = (done.stdout + done.stderr).splitlines()
    if done.returncode:
        raise Bad("\n".join(line for line in lines if not line.startswith(("INFO", "WARN"))))
    return lines


def judge(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What checkov skipped, by file. Raises Bad for a check that failed, and for a skip without a
    reason."""
    frameworks = ["kubernetes", "dockerfile"]
    shutil.copy(DOCKERFILE, folder / "Dockerfile")
    skips: dict[str, list[dict[str, Any]]] = {}
    for found in _checkov(folder, frameworks):
        for check in found["results"]["skipped_checks"]:
            if len(check["check_result"].get("suppress_comment", "").split()) < 4:
                raise Bad(f"checkov: {check['check_id']} of {check['resource']} has no reason")
            skips.setdefault(Path(check["file_path"]).stem, []).append(check)
    return skips


def _checkov(folder: Path, frameworks: Sequence[str]) -> list[dict[str, Any]]:
    """A report for each framework."""
    options = ("--skip-download", "--compact", "--output", "json")
    done = subprocess.run(
        [TOOLS / "checkov", "--directory", folder, "--framework", *frameworks, *options],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        said = json.loads(done.stdout)
        reports: list[dict[str, Any]] = said if isinstance(said, list) else [said]
        failed = [check for each in reports for check in each["results"]["failed_checks"]]
        unread = sum(each["summary"]["parsing_errors"] for each in reports)
        passed = [each["check_type"] for each in reports if each["summary"]["passed"]]
    except (ValueError, KeyError, TypeError):
        raise Bad(f"checkov: {(done.stdout + done.stderr)[-2000:]}") from None
    if failed or unread or sorted(passed) != sorted(frameworks):
        lines = [f"  {c['check_id']} {c['resource']}: {c['check_name']}" for c in failed]
        raise Bad("\n".join([f"checkov: {len(failed)} failed, {unread} files unread", *lines]))
    return reports


def lint_image(skips: Sequence[dict[str, Any]]) -> str:
    run(TOOLS / "hadolint", DOCKERFILE)
    return f"hadolint clean, checkov 0 failed, {_told(skips)}"


def _told(skips: Sequence[dict[str, Any]]) -> str:
    ids = sorted({check["check_id"] for check in skips})
    return f"{len(skips)} skipped ({', '.join(ids)})" if ids else "0 skipped"


def lint_scripts() -> str:
    found = [path for each in SCRIPTS for path in sorted((ROOT / "deploy").rglob(each))]
    if found:
        run(TOOLS / "shellcheck", "--severity=style", *found)
    return f"{len(found)} of shell, shellcheck clean"


def rules_agree() -> str:
    if embed_rules.main(["--check"]):
        raise Bad("The PrometheusRule and deploy/prometheus/rules.yml differ.")
    return "the tested ones"


def check(folder: Path) -> None:
    counts = render(folder)
    with ThreadPoolExecutor(max_workers=1) as beside:
        judged = beside.submit(judge, folder)
        unseen = validate(folder)
        skips = judged.result()
    print(f"Dockerfile  {lint_image(skips.get('Dockerfile', []))}")
    print(f"scripts     {lint_scripts()}")
    print(f"rules       {rules_agree()}")
    for overlay in OVERLAYS:
        valid, kinds = counts[overlay] - unseen[overlay], unseen[overlay]
        print(
            f"{overlay:<12}{counts[overlay]} objects: {valid} valid on Kubernetes "
            f"{' and '.join(VERSIONS)}, {kinds} of operators; checkov 0 failed, "
            f"{_told(skips.get(overlay, []))}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(Path(folder))
        except Bad as found:
            print(found, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
