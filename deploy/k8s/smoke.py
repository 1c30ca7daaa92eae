"""A look at the service from the outside of its pods, through kubectl's port-forward.

python deploy/k8s/smoke.py production
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from kubectl import Kubectl, KubectlFailed, KubectlMissing, namespace_of
from pin import OVERLAYS
from secret_values import config_of

SERVICE = "service/notevault-api-service"
FORWARDED_WITHIN_S = 20.0
ANSWER_WITHIN_S = 10.0
# /metrics answers to METRICS_TOKEN only.
WANTED = (("/health/live", 200), ("/health/ready", 200), ("/metrics", 404))


class NotAsItShould(Exception):
    """The message says which address answered what."""


def look(kubectl: Kubectl, *, host: str) -> None:
    """By the name that buyers use, `host`. Raises NotAsItShould and KubectlFailed."""
    with forwarded(kubectl) as port:
        for path, status in WANTED:
            found, _ = get(port, path, host=host)
            if found != status:
                raise NotAsItShould(f"{path} answers {found}, not {status}.")
        _, body = get(port, "/health/detailed", host=host)
    told = json.loads(body)
    # A part may be degraded for reasons of its own; the person who releases decides.
    print(f"version {told['version']}, {told['status']}", flush=True)
    for name, line in told["checks"].items():
        if line["status"] not in {"healthy", "not_configured"}:
            print(f"  {name}: {line['status']}", flush=True)


def get(port: int, path: str, *, host: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=ANSWER_WITHIN_S)
    try:
        # As the ingress controller asks; /health/detailed would be redirected to https otherwise.
        connection.request("GET", path, headers={"Host": host, "X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException) as error:
        raise NotAsItShould(f"{path} gives no answer: {error}.") from error
    finally:
        connection.close()


@contextmanager
def forwarded(kubectl: Kubectl) -> Iterator[int]:
    """A port of this machine that leads to the service."""
    child = subprocess.Popen(
        kubectl.command("port-forward", SERVICE, ":80", "--address", "127.0.0.1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield _port_of(child)
    finally:
        child.terminate()
        child.wait()


def _port_of(child: subprocess.Popen[str]) -> int:
    deadline = time.monotonic() + FORWARDED_WITHIN_S
    said = ""
    while child.stdout and (line := child.stdout.readline()) and time.monotonic() < deadline:
        said += line
        if found := re.search(r"Forwarding from 127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise KubectlFailed(said.strip() or "kubectl port-forward did not begin.")


def host_of(overlay: str) -> str:
    return urlsplit(config_of(overlay)["PUBLIC_API_URL"]).netloc


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overlay", choices=OVERLAYS)
    parser.add_argument("--context", default="", help="Of kubectl's configuration.")
    given = parser.parse_args(arguments)
    try:
        look(Kubectl(namespace_of(given.overlay), given.context), host=host_of(given.overlay))
    except (NotAsItShould, KubectlFailed, KubectlMissing) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
