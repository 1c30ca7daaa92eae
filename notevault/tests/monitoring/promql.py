"""What a PromQL expression asks for: its metrics, and the labels that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
# A name that is not the end of a number, a duration or a variable of Grafana.
_SELECTOR = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?\s*(\(?)")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring"}


@dataclass(frozen=True)
class Selector:
    metric: str
    labels: frozenset[str]


def selectors(expression: str) -> Iterator[Selector]:
    """Each metric that is asked for, with the labels between its braces."""
    plain = _GROUPING.sub(" ", _STRING.sub('""', expression))
    for name, braces, is_call in _SELECTOR.findall(plain):
        if not is_call and name not in _WORDS:
            yield Selector(name, frozenset(_MATCHER.findall(braces)))


def grouping(expression: str) -> set[str]:
    """The labels that it adds up or joins by."""
    found = _GROUPING.findall(_STRING.sub('""', expression))
    return {label.strip() for labels in found for label in labels.split(",")} - {""}
