"""What can be said of a `docker` command without building anything."""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from typing import NoReturn


class Wrong(Exception):
    """The command could not work; the message says why."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Wrong(message)


def pretend(arguments: list[str], *, root: Path) -> str:
    """What the command would print. Raises Wrong for words or files that do not exist."""
    given = _parser().parse_args(arguments)
    if given.command == "build":
        _build(given, root)
    elif given.command == "push":
        _image(given.image)
    elif given.command == "inspect":
        name = _image(given.image).rpartition(":")[0]
        return f"{name}@sha256:{hashlib.sha256(name.encode()).hexdigest()}\n"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="docker", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    build = commands.add_parser("build", allow_abbrev=False)
    build.add_argument("--tag", "-t", required=True)
    build.add_argument("--target")
    build.add_argument("--file", "-f", default="Dockerfile")
    build.add_argument("--build-arg", action="append", default=[])
    build.add_argument("--label", action="append", default=[])
    build.add_argument("--platform")
    build.add_argument("--pull", action="store_true")
    build.add_argument("context")
    commands.add_parser("push", allow_abbrev=False).add_argument("image")
    inspect = commands.add_parser("inspect", allow_abbrev=False)
    inspect.add_argument("--format", required=True)
    inspect.add_argument("image")
    return parser


def _build(given: argparse.Namespace, root: Path) -> None:
    _image(given.tag)
    dockerfile = root / given.file
    if not (root / given.context).is_dir():
        raise Wrong(f"there is no folder {given.context}")
    if not dockerfile.is_file():
        raise Wrong(f"there is no file {given.file}")
    text = dockerfile.read_text()
    stages = re.findall(r"^FROM .+ AS (\S+)", text, re.MULTILINE | re.IGNORECASE)
    if given.target and given.target not in stages:
        raise Wrong(f"{given.file} has no stage {given.target}: {', '.join(stages)}")
    known = set(re.findall(r"^\s*ARG +(\w+)", text, re.MULTILINE))
    for pair in given.build_arg:
        if pair.partition("=")[0] not in known:
            raise Wrong(f"{given.file} has no ARG {pair.partition('=')[0]}")


def _image(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9.-]+(/[a-z0-9._-]+)+:[\w.-]+", name):
        raise Wrong(f"{name!r} is no image's name with a tag")
    if name.endswith(":latest"):
        raise Wrong("`latest` says nothing of what runs: give a tag")
    return name
