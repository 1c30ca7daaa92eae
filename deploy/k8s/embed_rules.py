"""Embed deploy/prometheus/rules.yml in a PrometheusRule, or check that it is.

python deploy/k8s/embed_rules.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
RULES = HERE.parent / "prometheus" / "rules.yml"
EMBEDDED = HERE / "components" / "monitoring" / "rules.yaml"

HEAD = """\
# Made from deploy/prometheus/rules.yml by deploy/k8s/embed_rules.py. Change that file.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: notevault
  labels:
    app: notevault-api
    app.kubernetes.io/component: monitoring
spec:
"""


def embedded(rules: str) -> str:
    """The rules, comments and all, as the `spec` of a PrometheusRule."""
    return HEAD + "".join(
        f"  {line}" if line.strip() else line for line in rules.splitlines(keepends=True)
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="Change nothing; 1 if they differ.")
    wanted = embedded(RULES.read_text())
    if not parser.parse_args(arguments).check:
        EMBEDDED.write_text(wanted)
        return 0
    if EMBEDDED.exists() and EMBEDDED.read_text() == wanted:
        return 0
    print(
        "The PrometheusRule is not what deploy/prometheus/rules.yml says. "
        "Run `python deploy/k8s/embed_rules.py`.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
