"""The blocks of a Markdown file: what stands between fences, or four columns to the right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( {0,3})(`{3,}|~{3,})\s*([\w-]*)\s*$")
HEADING = re.compile(r"^(#{1,6}) +(.+?)\s*#*$")
ITEM = re.compile(r"^\s*([-*+]|\d+[.)]) ")
INDENT = 4
# What an indented block is: it cannot say so, and README's are all commands.
INDENTED = "sh"


class BadMarkdown(Exception):
    """A block that cannot be read; the message names file and line."""


@dataclass(frozen=True)
class Block:
    path: Path
    line: int
    """Of its first line of text, from 1."""
    language: str
    text: str
    headings: tuple[str, ...]
    """Those it stands below, the outermost first."""

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def read(path: Path, *, root: Path) -> list[Block]:
    """The file's blocks in order. Raises BadMarkdown for a fence that is not closed."""
    return list(_blocks(path.relative_to(root), path.read_text().splitlines()))


def _blocks(path: Path, lines: list[str]) -> Iterator[Block]:
    headings: dict[int, str] = {}
    at, in_list = 0, False
    while at < len(lines):
        line = lines[at]
        if fence := FENCE.match(line):
            end = _end_of_fence(path, lines, at, fence[2])
            text = "\n".join(row.removeprefix(fence[1]) for row in lines[at + 1 : end])
            yield Block(path, at + 2, fence[3], text, _above(headings))
            at = end + 1
            continue
        if heading := HEADING.match(line):
            level = len(heading[1])
            headings = {known: title for known, title in headings.items() if known < level}
            headings[level] = heading[2]
        after_blank = at == 0 or not lines[at - 1].strip()
        if not in_list and after_blank and line.startswith(" " * INDENT) and line.strip():
            end = _end_of_indent(lines, at)
            text = "\n".join(row[INDENT:] for row in lines[at:end])
            yield Block(path, at + 1, INDENTED, text, _above(headings))
            at = end
            continue
        if _is_passed_over(line, in_list=in_list, after_blank=after_blank):
            raise BadMarkdown(
                f"{path}:{at + 1}: this is a block to a reader, and not to the checker. Put it "
                "into a fence of its own, at most three columns to the right."
            )
        # What is indented below an item belongs to it.
        in_list = bool(ITEM.match(line)) or (in_list and (not line.strip() or line[0] == " "))
        at += 1


def _is_passed_over(line: str, *, in_list: bool, after_blank: bool) -> bool:
    """A fence of another form, or a block that is told apart from an item by its columns alone."""
    if line.lstrip().startswith(("```", "~~~")):
        return True
    deep = line.startswith(" " * (INDENT + 2)) and not ITEM.match(line)
    return in_list and after_blank and deep


def _above(headings: dict[int, str]) -> tuple[str, ...]:
    return tuple(headings[level] for level in sorted(headings))


def _end_of_fence(path: Path, lines: list[str], start: int, fence: str) -> int:
    for at in range(start + 1, len(lines)):
        if re.fullmatch(rf" {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*", lines[at]):
            return at
    raise BadMarkdown(f"{path}:{start + 1}: this fence is never closed.")


def _end_of_indent(lines: list[str], start: int) -> int:
    end = start
    for at in range(start, len(lines)):
        if lines[at].strip() and not lines[at].startswith(" " * INDENT):
            break
        if lines[at].strip():
            end = at + 1
    return end
