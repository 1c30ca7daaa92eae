"""What stands in the text itself: `make …` and `manage.py …` between backticks, and links."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from django.core.management import get_commands, load_command_class

SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def check(path: Path, root: Path, *, shown_as: Path | None = None) -> list[str]:
    """What does not hold, as `file:line  why`. Django has to be set up."""
    place = shown_as or path.relative_to(root)
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
            yield from _of_command(words[1:], span)
    for target in LINK.findall(line):
        name, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", name):
            continue
        file = (path.parent / name).resolve() if name else path
        if not file.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in _anchors(file):
            yield f"the link {target} names no heading"


def _of_command(words: list[str], span: str) -> Iterator[str]:
    if words[0] not in get_commands():
        yield f"there is no command {words[0]}: `{span}`"
        return
    known = _flags(words[0])
    for flag in re.findall(r"--[a-z][a-z-]*", span):
        if flag not in known:
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
def _flags(command: str) -> frozenset[str]:
    """Of the command and of each of its own subcommands."""
    application = get_commands()[command]
    made = load_command_class(application, command) if isinstance(application, str) else application
    return frozenset(_options(made.create_parser("manage.py", command)))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _options(inner)
