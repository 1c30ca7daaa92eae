"""Queries whose SQL is written once, for reads that come many times a second.

Django builds and compiles a query anew each time, which for a page of the catalogue takes longer
than everything else together. Here it does so once, with a `Slot` wherever a value will stand:

    def notes_of(*, seller, state): return Note.objects.filter(...).values(...)

    statement(notes_of, ("seller", "state")).rows(seller=seller_id, state="published")
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Expression, QuerySet

Row = dict[str, Any]
Rows = QuerySet[Any, Any]


class Slot(Expression):
    """Stands in a query for a value that is known when it runs."""

    template = "%s"

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return self.template, [self]


class Each(Slot):
    """`filter(order__in=Each("ids"))`: a list of one value or more."""

    template = "SELECT unnest(%s)"


@dataclass(frozen=True)
class Statement:
    sql: str
    params: tuple[Any, ...]
    columns: tuple[str, ...]
    converters: tuple[tuple[str, Callable[..., Any], Any], ...]
    """Column, function and expression: what Django makes of a value that the driver gives."""

    @classmethod
    def of(cls, rows: Rows) -> Statement:
        """Of a `.values()` queryset."""
        compiler = rows.query.get_compiler(using=DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        columns = tuple(rows.query.selected or ())
        found = compiler.get_converters([column for column, _, _ in compiler.select])
        converters = [
            (columns[at], function, expression)
            for at, (functions, expression) in found.items()
            for function in functions
        ]
        return cls(sql, tuple(params), columns, tuple(converters))

    def rows(self, **values: Any) -> list[Row]:
        """As the queryset would give them. KeyError when a slot is left empty."""
        filled = [values[p.name] if isinstance(p, Slot) else p for p in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, filled)
            found = [dict(zip(self.columns, row, strict=True)) for row in cursor.fetchall()]
        for row in found:
            for column, function, expression in self.converters:
                row[column] = function(row[column], expression, connection)
        return found


@lru_cache(maxsize=1024)
def statement(build: Callable[..., Rows], names: tuple[str, ...]) -> Statement:
    """`build` is a function of a module, asked once for each set of names: it gets a `Slot` for
    each of them by keyword."""
    return Statement.of(build(**{name: Slot(name) for name in names}))
