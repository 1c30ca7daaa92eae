"""Findings as lines for people and as JSON for programs."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator

from ops.doctor.finding import Finding, Level

Found = tuple[str, Finding]
WIDTH = 100
# ANSI: green, yellow, red
COLOURS = {Level.OK: "32", Level.WARN: "33", Level.FAIL: "31;1"}
NAMED = {Level.OK: ("ok", "ok"), Level.WARN: ("warning", "warnings"), Level.FAIL: ("fail", "fails")}


def lines(topic: str, finding: Finding, *, width: int, colour: bool) -> Iterator[str]:
    """The finding beside its topic, which is padded to `width`; its remedy below."""
    level = f"{finding.level:<4}"
    if colour:
        level = f"\x1b[{COLOURS[finding.level]}m{level}\x1b[0m"
    indent = " " * (4 + 2 + width + 2)
    text = textwrap.wrap(finding.what, WIDTH - len(indent)) or [""]
    yield f"{level}  {topic:<{width}}  {text[0]}"
    yield from (f"{indent}{line}" for line in text[1:])
    if finding.remedy:
        wrapped = textwrap.wrap(finding.remedy, WIDTH - len(indent) - 2, break_long_words=False)
        yield f"{indent}→ {wrapped[0]}"
        yield from (f"{indent}  {line}" for line in wrapped[1:])


def counts(found: Iterable[Found]) -> dict[str, int]:
    levels = [finding.level for _, finding in found]
    return {level.value: levels.count(level) for level in Level}


def summary(found: Iterable[Found]) -> str:
    """`21 ok, 1 warning, 2 fails`"""
    numbers = counts(found)
    return ", ".join(f"{numbers[level]} {NAMED[level][numbers[level] != 1]}" for level in Level)


def as_json_text(found: Iterable[Found]) -> str:
    found = list(found)
    rows = [
        {"topic": topic, "level": one.level, "what": one.what, "remedy": one.remedy}
        for topic, one in found
    ]
    return json.dumps({"findings": rows, "counts": counts(found)}, ensure_ascii=False, indent=2)


def refusal(error: str, *, as_json: bool) -> int:
    """Print what settings refuse to start with, which is all that can be said then.

    Gives the exit code."""
    refused: Found = (
        "settings",
        Finding(
            Level.FAIL, error, "Correct the environment (.env.example lists it), and ask again."
        ),
    )
    if as_json:
        print(as_json_text([refused]))
    else:
        print("\n".join(lines(*refused, width=len(refused[0]), colour=False)))
        print(f"\n{summary([refused])}")
    return 1
