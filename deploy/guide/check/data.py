"""Blocks that are no commands: settings, manifests, queries, and what a command should print."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

DRAWINGS = ("flowchart", "sequenceDiagram", "stateDiagram-v2")


class Wrong(Exception):
    """The block does not hold; the message says why."""


def check(language: str, text: str, *, root: Path) -> None:
    """Raises Wrong, also for a language without a rule."""
    if language not in RULES:
        raise Wrong(f"no rule says what to do with a block of {language or 'no language'!r}")
    RULES[language](text, root)


def _yaml(text: str, root: Path) -> None:
    try:
        documents = [part for part in yaml.safe_load_all(text) if part]
    except yaml.YAMLError as error:
        raise Wrong(f"it is no YAML: {error}") from error
    for document in documents:
        if not isinstance(document, dict):
            raise Wrong("a document of YAML has to be a mapping")
        if "scrape_configs" in document:
            _promtool(["check", "config", "--syntax-only"], text)
        elif "groups" in document:
            _promtool(["check", "rules"], text)
        elif "apiVersion" in document:
            _manifest(text, root)


def _manifest(text: str, root: Path) -> None:
    program = root / ".venv-deploy" / "bin" / "kubernetes-validate"
    if not program.exists():
        raise Wrong(f"{program} is missing: `make guide-check` installs it")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        _demand([str(program), "--strict", file.name])


def _promql(text: str, root: Path) -> None:
    rule = {"record": "guide:check", "expr": text}
    _promtool(["check", "rules"], yaml.safe_dump({"groups": [{"name": "guide", "rules": [rule]}]}))


def _promtool(words: list[str], text: str) -> None:
    if not shutil.which("promtool"):
        raise Wrong("promtool is missing. On Debian: apt-get install prometheus")
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        file.write(text)
        file.flush()
        _demand(["promtool", *words, file.name])


def _demand(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise Wrong(f"{Path(command[0]).name} refuses it: {said}")


def _env(text: str, root: Path) -> None:
    known = set(
        re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (root / ".env.example").read_text(), re.MULTILINE)
    )
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, equals, _ = line.partition("=")
        if not equals or name not in known:
            raise Wrong(f".env.example has no {name.strip()}")


def _json(text: str, root: Path) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        raise Wrong(f"it is no JSON: {error}") from error


def _mermaid(text: str, root: Path) -> None:
    if not text.split() or text.split()[0] not in DRAWINGS:
        raise Wrong(f"a drawing begins with one of {', '.join(DRAWINGS)}")


def _text(text: str, root: Path) -> None:
    if re.search(r"^\s*(\$ |kubectl |curl |make |psql |docker |python manage)", text, re.MULTILINE):
        raise Wrong("commands stand in a block of `bash`, or nobody runs them")


RULES: dict[str, Callable[[str, Path], None]] = {
    "dotenv": _env,
    "env": _env,
    "json": _json,
    "mermaid": _mermaid,
    "promql": _promql,
    "text": _text,
    "yaml": _yaml,
}


def compare(expected: str, actual: str) -> None:
    """Raises Wrong when a command's output has not the shape that the guide shows.

    JSON: each key that is shown is there, with a value of the same type. Text: each line that
    is shown is there, in that order; figures, ages and ids may differ, and … is anything.
    """
    try:
        wanted = json.loads(expected)
    except ValueError:
        _compare_lines(expected, actual)
        return
    try:
        found = json.loads(actual)
    except ValueError:
        raise Wrong("the guide shows JSON, and this is none") from None
    _compare_json(wanted, found, "")


def _compare_json(wanted: Any, found: Any, way: str) -> None:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name not in found:
                raise Wrong(f"the answer has no {way}{name}")
            _compare_json(value, found[name], f"{way}{name}.")
    elif isinstance(wanted, list) and isinstance(found, list):
        if wanted and found:
            _compare_json(wanted[0], found[0], f"{way}0.")
    elif wanted != "…" and _type(wanted) is not _type(found):
        raise Wrong(f"{way.rstrip('.')} is {found!r}, and not like {wanted!r}")


def _type(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _compare_lines(expected: str, actual: str) -> None:
    rows = iter(" ".join(line.split()) for line in actual.splitlines())
    for line in filter(str.strip, expected.splitlines()):
        pattern = _pattern(" ".join(line.split()))
        if not any(re.fullmatch(pattern, row) for row in rows):
            raise Wrong(f"no line of the output is like {line.strip()!r}")


def _pattern(line: str) -> str:
    """Words with a digit in them are figures or ids."""
    words = []
    for word in line.split(" "):
        if word == "…":
            words.append(".*")
        elif re.search(r"\d", word):
            words.append(r"\S+")
        else:
            words.append(re.escape(word).replace("…", ".*"))
    return " ".join(words)
