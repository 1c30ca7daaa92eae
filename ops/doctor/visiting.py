"""Goes through the topics, whatever becomes of one of them."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError, ProgrammingError
from django.utils.module_loading import import_string

from ops.doctor.database import reach_database
from ops.doctor.finding import Finding, Level, Topic, Visit, fail, warn

DATABASE = "database"


def examine(visit: Visit, *, only: str = "") -> Iterator[tuple[str, Finding]]:
    """Each finding with its topic. The database comes first: much cannot be told without it."""
    reached = reach_database()
    if only in ("", DATABASE) or reached.level == Level.FAIL:
        yield DATABASE, reached
    for name, path in settings.DOCTOR.items():
        if only in ("", name):
            topic = import_string(path)
            for finding in _ask(topic, visit, away=reached.level == Level.FAIL):
                yield name, finding


def _ask(topic: Topic, visit: Visit, *, away: bool) -> Iterator[Finding]:
    if away and getattr(topic, "needs_database", False):
        yield warn("Not examined: the database is away.", "Mend that first, and ask again.")
        return
    try:
        yield from topic(visit)
    except ProgrammingError as error:
        yield fail(
            f"The database is not as this code knows it: {first_line(error)}",
            "Run `manage.py migrate`.",
        )
    except (DatabaseError, InterfaceError) as error:
        yield fail(
            f"The database did not answer a question: {first_line(error)}",
            "Look at the database's log, then ask again.",
        )
    except Exception as error:  # the other topics are worth as much without this one
        yield fail(
            f"Could not be examined: {type(error).__name__}: {first_line(error)}",
            "This is a bug of the doctor's. Ask again with --only for the other topics.",
        )


def first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
