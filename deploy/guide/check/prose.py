"""What stands in the text itself: `make …` and `manage.py …` between backticks, and links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def check(path: Path, root: Path) -> list[str]:
    """What does not hold, as `file:line  why`."""
    place = path.relative_to(root)
    fenced = False
    found = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            found += [f"{place}:{number}  {why}" for why in _of_line(line, path, root)]
    return found


def _of_line(line: str, path: Path, root: Path) -> Iterator[str]:
    for span in SPAN.findall(line):
        words = span.split()
        if words[:1] == ["make"] and len(words) > 1 and words[1] not in _targets(root):
            yield f"there is no target {words[1]}: `{span}`"
        elif words[:1] == ["manage.py"] and len(words) > 1 and words[1].isidentifier():
            yield from _of_command(words[1:], span, root)
    for target in LINK.findall(line):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
            yield f"the link {target} names no heading"


def _of_command(words: list[str], span: str, root: Path) -> Iterator[str]:
    told = _help(root, words[0])
    if told is None:
        yield f"there is no command {words[0]}: `{span}`"
        return
    own = _help(root, *words[:2]) if len(words) > 1 and words[1].isidentifier() else None
    for flag in re.findall(r"--[a-z][a-z-]*", span):
        if flag not in told and flag not in (own or ""):
            yield f"{words[0]} has no {flag}: `{span}`"


@cache
def _targets(root: Path) -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][\w-]*):", (root / "Makefile").read_text(), re.MULTILINE))


@cache
def _anchors(path: Path) -> frozenset[str]:
    titles = re.findall(r"^#{1,6} +(.+)$", path.read_text(), re.MULTILINE)
    return frozenset(
        re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles
    )


@cache
def _help(root: Path, *words: str) -> str | None:
    done = subprocess.run(
        [sys.executable, "manage.py", *words, "--help"],
        cwd=root,
        env={**os.environ, "DJANGO_READ_DOT_ENV": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else None
