"""Programs of the guide that do something else here: `python -m deploy.guide.check.shim NAME …`.

Each notes in `calls` whether the command was really run or checked without what it needs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from deploy.guide.check import containers
from deploy.guide.check.programs import CLIENTS, DEBIAN

STATE = Path(os.environ.get("GUIDE_STATE", "."))
# `make` does not do these again: each takes long and is a step of .ci/run by itself, or is
# what the checker has started itself.
MADE = ("help",)
# The exit code of what `fail` has noted.
FAILED = 64


def note(kind: str, program: str, why: str = "") -> None:
    with (STATE / "calls").open("a") as calls:
        calls.write(json.dumps({"kind": kind, "program": program, "why": why}) + "\n")


def fail(program: str, why: str) -> int:
    note("failed", program, why)
    sys.stderr.write(f"guide-check: {program}: {why}\n")
    return FAILED


def curl(arguments: Sequence[str]) -> int:
    """The API's public name, and the ports of `make demo`, are the demo's that runs now."""
    note("run", "curl")
    given: list[str] = []
    for argument in arguments:
        if argument.startswith(("http://", "https://")):
            here = local_address(argument)
            if here is None:
                return fail("curl", f"{argument} is no address of ours")
            argument = here
        given.append(argument)
    if not any(re.fullmatch(r"--fail.*|-[a-zA-Z]*f[a-zA-Z]*", word) for word in given):
        given = ["--fail-with-body", *given]
    told = _own_token(given)
    done = subprocess.run([_real("curl"), "--show-error", "--max-time", "60", *told], check=False)
    if done.returncode:
        return fail("curl", f"exit code {done.returncode} for {' '.join(arguments)}")
    return 0


def local_address(url: str) -> str | None:
    """The same resource on the demo that runs; None for what is not ours."""
    web, sandbox = os.environ["GUIDE_WEB"], os.environ["GUIDE_SANDBOX"]
    parts = urlsplit(url)
    ours = {
        "api.notevault.com": web,
        "127.0.0.1:5001": web,
        "127.0.0.1:5002": sandbox,
        web: web,
        sandbox: sandbox,
    }
    if parts.netloc not in ours:
        return None
    return urlunsplit(parts._replace(scheme="http", netloc=ours[parts.netloc]))


def _own_token(arguments: list[str]) -> list[str]:
    """A header file of the guide holds the cluster's METRICS_TOKEN; the demo has another."""
    own = f"Authorization: Bearer {os.environ['GUIDE_METRICS_TOKEN']}"
    return [
        own
        if argument.startswith("@")
        and Path(argument[1:]).is_file()
        and Path(argument[1:]).read_text().startswith("Authorization: Bearer ")
        else argument
        for argument in arguments
    ]


def make(arguments: Sequence[str]) -> int:
    """`make help` is run; of other targets it is made sure that they and their recipes stand."""
    is_run = tuple(arguments) in {(name,) for name in MADE}
    note("run" if is_run else "offline", "make")
    return subprocess.run(
        [_real("make"), *([] if is_run else ["--dry-run"]), *arguments],
        stdout=None if is_run else subprocess.DEVNULL,
        check=False,
    ).returncode


def python(arguments: Sequence[str]) -> int:
    note("run", "python")
    return subprocess.run(
        [sys.executable, *arguments], cwd=os.environ["GUIDE_ROOT"], check=False
    ).returncode


def promtool(arguments: Sequence[str]) -> int:
    return _of_debian("promtool", arguments)


def amtool(arguments: Sequence[str]) -> int:
    return _of_debian("amtool", arguments)


def _of_debian(name: str, arguments: Sequence[str]) -> int:
    if not shutil.which(name, path=os.environ["GUIDE_PATH"]):
        return fail(name, f"it is missing. On Debian: apt-get install {DEBIAN[name]}")
    note("run", name)
    return subprocess.run([_real(name), *arguments], check=False).returncode


def docker(arguments: Sequence[str]) -> int:
    note("offline", "docker")
    try:
        print(containers.pretend(list(arguments), root=Path.cwd()), end="")
    except containers.Wrong as refusal:
        return fail("docker", str(refusal))
    return 0


def editor(arguments: Sequence[str]) -> int:
    """Fill in what a file leaves empty, with the made-up values of deploy/check.env."""
    note("run", "editor")
    path = Path(arguments[0])
    made_up = dict(
        line.split("=", 1)
        for line in (Path(os.environ["GUIDE_ROOT"]) / "deploy" / "check.env")
        .read_text()
        .split("\n")
        if "=" in line and not line.startswith("#")
    )
    lines = []
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not value and name not in made_up:
            return fail("editor", f"{path} leaves {name} empty, and deploy/check.env has none")
        lines.append(f"{name}={made_up[name]}" if equals and not value else line)
    path.write_text("\n".join(lines) + "\n")
    return 0


def client(name: str, arguments: Sequence[str]) -> int:
    """PostgreSQL's own program, on the scratch server, whatever server the guide names."""
    note("run", name)
    given = [_scratch_url(argument) for argument in arguments]
    own = {f"PG{key}": os.environ[f"GUIDE_PG{key}"] for key in ("HOST", "PORT", "USER", "PASSWORD")}
    program = str(Path(os.environ["GUIDE_PGBIN"]) / name)
    return subprocess.run([program, *given], env={**os.environ, **own}, check=False).returncode


def _scratch_url(argument: str) -> str:
    """`postgresql://user@host/name?…` becomes the name alone: the rest comes by PG…"""
    if not argument.startswith(("postgresql://", "postgres://")):
        return argument
    return urlsplit(argument).path.lstrip("/")


def _real(name: str) -> str:
    found = shutil.which(name, path=os.environ["GUIDE_PATH"])
    if not found:
        raise SystemExit(fail(name, "it is not on this machine"))
    return found


def main(words: Sequence[str]) -> int:
    """The program's exit code. One that is not 0 is noted: the block may go on after it."""
    name, arguments = words[0], words[1:]
    code = client(name, arguments) if name in CLIENTS else RULES[name](arguments)
    if code not in (0, FAILED):
        note("failed", name, f"exit code {code} for {' '.join(arguments)}")
    return code


RULES: dict[str, Callable[[Sequence[str]], int]] = {
    "amtool": amtool,
    "curl": curl,
    "docker": docker,
    "editor": editor,
    "make": make,
    "promtool": promtool,
    "python": python,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
