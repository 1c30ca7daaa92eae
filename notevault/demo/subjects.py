"""What the demo's notes are about: twelve subjects, each a file in `subjects/`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("subjects")
SLUGS = (
    "computer-science",
    "mathematics",
    "physics",
    "chemistry",
    "biology",
    "electronics",
    "mechanical-engineering",
    "civil-engineering",
    "economics",
    "commerce",
    "law",
    "medicine",
)

Pair = tuple[str, str]


@dataclass(frozen=True)
class Grid:
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Topic:
    title: str
    about: str
    semester: int
    sections: tuple[str, ...]
    definitions: tuple[Pair, ...]
    results: tuple[Pair, ...]
    formulas: tuple[str, ...]
    steps_title: str
    steps: tuple[str, ...]
    prose: tuple[str, ...]
    questions: tuple[str, ...]
    plot: tuple[str, str, str] | None
    """Label of x, label of y, and a shape of `figures.CURVES`."""


@dataclass(frozen=True)
class Subject:
    slug: str
    name: str
    colour: str
    kind: str
    """Which universities teach it; a key of `universities.UNIVERSITIES`."""
    courses: tuple[tuple[str, int], ...]
    """The name of a course, and its number of semesters."""
    hindi: tuple[Pair, ...]
    grids: tuple[Grid, ...]
    topics: tuple[Topic, ...]


@cache
def load_subject(slug: str) -> Subject:
    source = tomllib.loads((FOLDER / f"{slug}.toml").read_text(encoding="utf-8"))
    frozen = {key: _freeze(value) for key, value in source.items()}
    topics = tuple(_topic(fields) for fields in source["topics"])
    grids = tuple(
        Grid(**{key: _freeze(value) for key, value in table.items()}) for table in source["tables"]
    )
    del frozen["tables"], frozen["topics"]
    return Subject(**frozen, grids=grids, topics=topics)


def all_subjects() -> tuple[Subject, ...]:
    return tuple(map(load_subject, SLUGS))


def _topic(fields: dict[str, Any]) -> Topic:
    return Topic(**{"plot": None} | {key: _freeze(value) for key, value in fields.items()})


def _freeze(value: Any) -> Any:
    return tuple(map(_freeze, value)) if isinstance(value, list) else value
