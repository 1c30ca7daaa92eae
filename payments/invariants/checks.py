"""What a check is, and how the rows that break its promise are found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class Check:
    """A promise, as a query that gives (id, what is wrong with it) of each row that breaks it."""

    invariant: str
    about: str
    sql: str


@dataclass(frozen=True)
class Finding:
    row_id: str
    what: str


def findings(check: Check) -> Iterator[Finding]:
    """The rows that break a promise, one at a time."""
    with connection.cursor() as cursor:
        cursor.execute(check.sql)
        for row_id, what in cursor:
            yield Finding(str(row_id), what)


# The database counts them: a million broken rows are not brought here to be counted.
_FIRST = "SELECT id, what, count(*) OVER () FROM ({sql}) AS broken (id, what) ORDER BY id LIMIT 1"


def first_finding(check: Check) -> tuple[int, Finding | None]:
    """How many rows break a promise, and the first of them."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST.format(sql=check.sql))
        row = cursor.fetchone()
    return (row[2], Finding(str(row[0]), row[1])) if row else (0, None)
