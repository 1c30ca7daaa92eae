"""What a topic is asked, and what it answers. Imports no settings: they may be what ails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """One line. `remedy` says exactly what to do, and is empty when all is well."""

    level: Level
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Visit:
    """What the doctor was asked to look at.

    `online` lets it call the gateway, the file store and the mail server; `send` lets it send
    a test alert, and `mail_to` a test mail.
    """

    now: datetime
    is_production: bool
    pods: int = 10
    worker_pods: int = 2
    online: bool = False
    send: bool = False
    mail_to: str = ""

    @property
    def grave(self) -> Level:
        """Of what production must not be without, and development may."""
        return Level.FAIL if self.is_production else Level.WARN


Topic = Callable[[Visit], Iterator[Finding]]


def needs_database(topic: Topic) -> Topic:
    """A topic that is left out while the database is away."""
    topic.needs_database = True  # type: ignore[attr-defined]
    return topic


def ok(what: str) -> Finding:
    return Finding(Level.OK, what)


def warn(what: str, remedy: str) -> Finding:
    return Finding(Level.WARN, what, remedy)


def fail(what: str, remedy: str) -> Finding:
    return Finding(Level.FAIL, what, remedy)


def judge(is_well: bool, *, level: Level, well: str, ill: str, remedy: str) -> Finding:
    """`well` is what is said when it is."""
    return ok(well) if is_well else Finding(level, ill, remedy)
