"""HEALTHCHECK of the image: does the process of this container answer? Exits with 0 or 1.

Asks for liveness, not for readiness: what a container's health decides is whether it is started
anew, and that cures no database. A command that ends by itself is well while it runs.
"""

from __future__ import annotations

import http.client
import os
import sys
from itertools import pairwise
from pathlib import Path

PORTS = {"web": ("PORT", 5001), "worker": ("WORKER_PORT", 5003)}
ENTRYPOINT = "entrypoint.sh"
TIMEOUT_S = 4


def role_of(command_line: bytes) -> str:
    """What the container was told to do: the word after the entry point, in PID 1's arguments."""
    words = [word.decode(errors="replace") for word in command_line.split(b"\0")]
    for before, word in pairwise(words):
        if before.endswith(ENTRYPOINT):
            return word
    return ""


def is_alive(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    role = role_of(Path("/proc/1/cmdline").read_bytes())
    if role not in PORTS:
        return 0
    name, usual = PORTS[role]
    if is_alive(int(os.environ.get(name) or usual)):
        return 0
    print(f"{role} does not answer /health/live.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
